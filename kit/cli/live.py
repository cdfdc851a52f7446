"""What commands share while they work: how they are stopped, and how they end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kit import console
from kit.errors import KitError

if TYPE_CHECKING:
    from kit.workflow.scheduler import TaskOutcomes


class Stopped(KitError):  # noqa: N818 - it is no error
    """The user stopped the command."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Ctrl-C and SIGTERM (`docker stop`) end the work; what is finished stays."""

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped("stopped", "nothing finished is lost; the same command resumes") from None
    finally:
        signal.signal(signal.SIGTERM, previous)


def end(outcome: TaskOutcomes) -> None:
    """Say how it ended; failed tasks are listed, and make the exit code 1."""
    for task, reason in outcome.failed.items():
        console.say(f"failed: {task.name}: {reason}")
    for task in outcome.blocked:
        console.say(f"not done, because what it needs failed: {task.name}")
    done = console.counted(len(outcome.done), "task", "tasks")
    console.say(f"{done} done, {len(outcome.fresh)} were up to date, {len(outcome.failed)} failed")
    if outcome.failed:
        failed = console.counted(len(outcome.failed), "task", "tasks")
        raise KitError(f"{failed} failed", "fix the causes above; the same command does only these")
