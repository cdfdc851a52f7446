"""The process of one job: runs its tasks in order, and reports progress to its parent."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import traceback
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Protocol

from kit.errors import KitError
from kit.runs.run import Run
from kit.stages.registry import STAGES
from kit.workflow.executor import Happened
from kit.workflow.graph import Job, Task


class _Duplicate(Protocol):
    """What multiprocessing makes of a `DupFd` in the process that it was sent to."""

    def detach(self) -> int: ...


class Inherited:
    """A file descriptor that a worker gets a copy of, and with it the lock that the descriptor holds."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __reduce__(self) -> tuple[object, ...]:
        return _inherit, (DupFd(self.descriptor),)


def _inherit(duplicate: _Duplicate) -> Inherited:
    return Inherited(duplicate.detach())


def main(job: Job, run: Run, data: Path, log: Path, scratch: Path, events: Connection, lock: Inherited) -> None:
    """Run `job`, with temporary files in a folder of its own in `scratch`, and send what happens to its tasks.

    `lock` keeps the run's folder locked as long as this process lives.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])  # what a job starts gets signals as usual
    _end_with_parent()
    try:
        _redirect_output(log)
    except OSError as error:
        reason = f"its log {log} cannot be written ({error.strerror}): give user {os.getuid()} access to it"
        for task in job.tasks:
            if not set(job.needs_of(task)) & set(job.tasks):  # the others are blocked by these
                events.send(Happened(job, task, "failed", note=reason, is_machines_fault=_is_machines(error)))
        return
    with tempfile.TemporaryDirectory(dir=scratch) as own:
        tempfile.tempdir = own  # AutoGraph's files would outlive a process that ends without its exit handlers
        failed: set[Task] = set()
        for task in job.tasks:
            if failed & set(job.needs_of(task)) or not _do(job, task, run, data, events):
                failed.add(task)


def _do(job: Job, task: Task, run: Run, data: Path, events: Connection) -> bool:
    def progress(done: int, total: int, note: str = "") -> None:
        events.send(Happened(job, task, "running", done, total, note))

    events.send(Happened(job, task, "running"))
    try:
        stage = STAGES[task.stage]
        if stage.state(run, task.cell).is_done:
            events.send(Happened(job, task, "fresh"))
        else:
            record = stage.perform(run, task.cell, data, progress)
            events.send(Happened(job, task, "done", took_s=record.duration_s))
        return True
    except KitError as error:
        events.send(Happened(job, task, "failed", note=str(error), is_machines_fault=_is_machines(error.__cause__)))
    except Exception as error:  # one cell's failure must not end the grid; the trace is in the log
        traceback.print_exc()
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        events.send(Happened(job, task, "failed", note=reason, is_machines_fault=_is_machines(error)))
    return False


def _is_machines(error: BaseException | None) -> bool:
    """Whether an error is of this machine's disk or memory: another one may do the task."""
    return isinstance(error, OSError | MemoryError) or type(error).__name__ == "ResourceExhaustedError"


def _end_with_parent() -> None:
    """End at once when the parent is gone, even by kill -9: nothing may keep writing to the run."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _redirect_output(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
