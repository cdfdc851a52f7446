"""Runs jobs in worker processes: side by side where they don't depend on each other, resuming what is already there."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol

from kit.records import store
from kit.records.run import Run
from kit.runner import worker
from kit.runner.plan import Job, Task, estimate_s
from kit.runner.stages import STAGES


class View(Protocol):
    """Shows what happens. `state` is waiting, running, fresh, done, failed or blocked."""

    def update(self, task: Task, state: str, done: int = 0, total: int = 0, note: str = "") -> None: ...


@dataclass
class Outcome:
    """How each task ended: by name, with the reason for those that failed."""

    done: list[Task] = field(default_factory=list)
    fresh: list[Task] = field(default_factory=list)
    failed: dict[Task, str] = field(default_factory=dict)
    blocked: list[Task] = field(default_factory=list)


@dataclass
class _Running:
    job: Job
    process: BaseProcess
    log: Path
    open_tasks: list[Task]


def execute(run: Run, jobs: Sequence[Job], data: Path, workers: int, lock: int, view: View, warm: bool) -> Outcome:
    """Do all jobs. A task that fails is noted, those that need it are blocked, the others go on.

    `warm` loads TensorFlow once for all workers, before the first begins.
    """
    return _Pool(run, data, workers, lock, view).execute(list(jobs), warm)


class _Pool:
    def __init__(self, run: Run, data: Path, workers: int, lock: int, view: View) -> None:
        self.run, self.data, self.workers, self.lock, self.view = run, data, workers, lock, view
        self.outcome = Outcome()
        self.running: dict[Connection, _Running] = {}
        self.planned: set[Task] = set()
        self.context: Any = multiprocessing.get_context("forkserver")

    def execute(self, pending: list[Job], warm: bool) -> Outcome:
        self.context.set_forkserver_preload(["kit.runner.worker", *(["kit.runner.warm"] if warm else [])])
        store.remove_partial(self.run.folder)
        self.planned = {task for job in pending for task in job.tasks}
        pending.sort(key=lambda job: -sum(estimate_s(task, self.run.preset) for task in job.tasks))
        try:
            while pending or self.running:
                self._start_ready(pending)
                self._receive()
        finally:
            for running in self.running.values():
                running.process.kill()
                running.process.join()
        return self.outcome

    def _start_ready(self, pending: list[Job]) -> None:
        for job in list(pending):
            if len(self.running) >= self.workers:
                return
            if not self._is_ready(job, pending):
                continue
            pending.remove(job)
            self._begin(job)

    def _is_ready(self, job: Job, pending: list[Job]) -> bool:
        if job.exclusive and (self.running or not all(other.exclusive for other in pending)):
            return False
        ended = (self.outcome.done, self.outcome.fresh, self.outcome.failed, self.outcome.blocked)
        return all(any(need in tasks for tasks in ended) for need in job.needs() & self.planned)

    def _begin(self, job: Job) -> None:
        """Settle what is fresh or blocked here; give the rest, in order, to a worker."""
        left: list[Task] = []
        for task in job.tasks:
            if any(need in self.outcome.failed or need in self.outcome.blocked for need in task.needs()):
                self._settle(task, "blocked")
            elif not left and STAGES[task.stage].is_fresh(self.run, task.cell):
                self._settle(task, "fresh")
            else:
                left.append(task)
        if left:
            self._start(Job(tuple(left), job.exclusive))

    def _start(self, job: Job) -> None:
        log = self.run.folder / "logs" / f"{job.tasks[0].name.replace(' ', '-').replace('/', '-')}.log"
        receiver, sender = self.context.Pipe(duplex=False)
        arguments = (job, self.run, self.data, log, sender, worker.Inherited(self.lock))
        process = self.context.Process(target=worker.main, args=arguments, daemon=True)
        process.start()
        sender.close()
        self.running[receiver] = _Running(job, process, log, list(job.tasks))

    def _receive(self) -> None:
        for ready in wait(list(self.running), timeout=0.5):
            assert isinstance(ready, Connection)
            running = self.running[ready]
            try:
                task, kind, *details = ready.recv()
            except EOFError:
                self._end(ready, running)
                continue
            if kind == "start":
                self.view.update(task, "running")
            elif kind == "progress":
                self.view.update(task, "running", *details)
            else:
                running.open_tasks.remove(task)
                self._settle(task, kind, details[0] if details else "")

    def _end(self, connection: Connection, running: _Running) -> None:
        """The worker is gone: what it left open either needs a failed task, or died with the process."""
        connection.close()
        del self.running[connection]
        running.process.join()
        for task in running.open_tasks:
            if any(need in self.outcome.failed or need in self.outcome.blocked for need in task.needs()):
                self._settle(task, "blocked")
            else:
                reason = f"its process ended with code {running.process.exitcode}, see {running.log}"
                self._settle(task, "failed", reason)

    def _settle(self, task: Task, state: str, detail: Any = "") -> None:
        if state == "failed":
            self.outcome.failed[task] = detail
        else:
            getattr(self.outcome, state).append(task)
        note = f"{detail:.1f} s" if state == "done" else str(detail)
        self.view.update(task, state, note=note)


def default_workers(threads: int) -> int:
    """One worker for each `threads` cores that this process may use."""
    return max(1, len(os.sched_getaffinity(0)) // threads)
