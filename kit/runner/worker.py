"""The process of one job: does its tasks in order, and tells its parent how far it is."""

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
from typing import Any

from kit.errors import KitError
from kit.records.run import Run
from kit.runner.plan import Job, Task
from kit.runner.stages import STAGES


class Inherited:
    """A file descriptor that a worker gets a copy of, and with it the lock that the descriptor holds."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __reduce__(self) -> tuple[Any, ...]:
        return _inherit, (DupFd(self.descriptor),)


def _inherit(duplicate: Any) -> Inherited:
    return Inherited(duplicate.detach())


def main(job: Job, run: Run, data: Path, log: Path, events: Connection, lock: Inherited) -> None:
    """Run `job`. Sends `(task, kind, *details)` with kind start, progress, done or failed.

    `lock` keeps the run's folder locked as long as this process lives.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    _end_with_parent()
    _redirect_output(log)
    with tempfile.TemporaryDirectory(prefix="kit-") as scratch:
        tempfile.tempdir = scratch  # AutoGraph's files would outlive a process that ends without its exit handlers
        failed: set[Task] = set()
        for task in job.tasks:
            if failed & set(task.needs()) or not _do(task, run, data, events):
                failed.add(task)


def _do(task: Task, run: Run, data: Path, events: Connection) -> bool:
    def progress(done: int, total: int, note: str = "") -> None:
        events.send((task, "progress", done, total, note))

    events.send((task, "start"))
    try:
        stage = STAGES[task.stage]
        if stage.is_fresh(run, task.cell):
            events.send((task, "fresh"))
        else:
            record = stage.perform(run, task.cell, data, progress)
            events.send((task, "done", record.duration_s))
        return True
    except KitError as error:
        events.send((task, "failed", str(error)))
    except Exception as error:  # one cell's failure must not end the grid; the trace is in the log
        traceback.print_exc()
        events.send((task, "failed", f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"))
    return False


def _end_with_parent() -> None:
    """End at once when the parent is gone, even by kill -9: nothing may go on writing to the run."""
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
