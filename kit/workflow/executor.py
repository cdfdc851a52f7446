"""What does the work of a run: processes on this machine, or workers on others, behind one small protocol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from msgspec import Struct

from kit.workflow.graph import Job, Task


class Happened(Struct, frozen=True):
    """What a task of a job is doing now: `state` is running, done, fresh, failed, or waiting if it has to begin again.

    `done` of `total` is in the stage's own unit. `note` says why a task failed, or a few words about one that runs;
    `took_s` is how long one that is done took; `machine` is where, if that is another one. It `is_machines_fault`
    if the task may well succeed elsewhere.
    """

    job: Job
    task: Task
    state: str
    done: int = 0
    total: int = 0
    note: str = ""
    took_s: float | None = None
    machine: str = ""
    is_machines_fault: bool = False


class Ended(Struct, frozen=True):
    """A job has ended. The tasks that it left open failed for `reason`, unless they need one that did."""

    job: Job
    reason: str


class Executor(Protocol):
    """Does jobs, each in a process of its own."""

    @property
    def slots(self) -> int:
        """How many jobs it can do at once now."""
        ...

    def start(self, job: Job) -> None:
        """Begin a job whose needs are met."""
        ...

    def events(self) -> Iterator[Happened | Ended]:
        """What has happened since the last call; waits a moment if that is nothing. Each job ends with one `Ended`."""
        ...
