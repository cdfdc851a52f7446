"""Decides when each job of a run may begin, and keeps how its tasks ended: resuming from what is already there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from kit import store
from kit.runs.run import Run
from kit.stages.registry import STAGES
from kit.workflow.executor import Ended, Executor, Happened
from kit.workflow.graph import Job, Task, estimate_s


class View(Protocol):
    """Shows what happens. `state` is waiting, running, fresh, done, failed or blocked. `slots` is how many jobs can run."""

    def at_once(self, slots: int) -> None: ...

    def update(self, task: Task, state: str, done: int = 0, total: int = 0, note: str = "", machine: str = "") -> None: ...


@dataclass
class TaskOutcomes:
    """How each task ended: by name, with the reason for those that failed."""

    done: list[Task] = field(default_factory=list)
    fresh: list[Task] = field(default_factory=list)
    failed: dict[Task, str] = field(default_factory=dict)
    blocked: list[Task] = field(default_factory=list)


def execute(run: Run, jobs: Sequence[Job], executor: Executor, view: View) -> TaskOutcomes:
    """Run all jobs. If a task fails, those that need it are blocked and the others continue."""
    return _Scheduler(run, executor, view).execute(list(jobs))


class _Scheduler:
    def __init__(self, run: Run, executor: Executor, view: View) -> None:
        self.run, self.executor, self.view = run, executor, view
        self.outcome = TaskOutcomes()
        self.open_tasks: dict[Job, list[Task]] = {}
        self.planned: set[Task] = set()

    def execute(self, pending: list[Job]) -> TaskOutcomes:
        store.remove_partial(self.run.folder)
        self.planned = {task for job in pending for task in job.tasks}
        pending.sort(key=lambda job: -sum(estimate_s(task, self.run.preset) for task in job.tasks))
        while pending or self.open_tasks:
            self.view.at_once(self.executor.slots)
            self._start_ready(pending)
            for event in self.executor.events():
                self._receive(event)
        return self.outcome

    def _start_ready(self, pending: list[Job]) -> None:
        for job in list(pending):
            if len(self.open_tasks) >= self.executor.slots:
                return
            if not self._is_ready(job):
                continue
            pending.remove(job)
            self._begin(job)

    def _is_ready(self, job: Job) -> bool:
        ended = (self.outcome.done, self.outcome.fresh, self.outcome.failed, self.outcome.blocked)
        return all(any(need in tasks for tasks in ended) for need in job.needs_first() & self.planned)

    def _begin(self, job: Job) -> None:
        """Settle here what is fresh or blocked; give the rest, in order, to the executor."""
        left: list[Task] = []
        for task in job.tasks:
            if self._is_blocked(job, task):
                self._settle(task, "blocked")
            elif not left and STAGES[task.stage].state(self.run, task.cell).is_done:
                self._settle(task, "fresh")
            else:
                left.append(task)
        if left:
            rest = job.only(left)
            self.open_tasks[rest] = left
            self.executor.start(rest)

    def _is_blocked(self, job: Job, task: Task) -> bool:
        return any(need in self.outcome.failed or need in self.outcome.blocked for need in job.needs_of(task))

    def _receive(self, event: Happened | Ended) -> None:
        if isinstance(event, Ended):
            self._end(event)
        elif event.state in ("running", "waiting"):
            self.view.update(event.task, event.state, event.done, event.total, event.note, event.machine)
        else:
            self.open_tasks[event.job].remove(event.task)
            note = event.note if event.took_s is None else f"{event.took_s:.1f} s"
            self._settle(event.task, event.state, note, event.machine)

    def _end(self, ended: Ended) -> None:
        """Each task that a job left open either needs a failed one, or failed with the job."""
        for task in self.open_tasks.pop(ended.job):
            if self._is_blocked(ended.job, task):
                self._settle(task, "blocked")
            else:
                self._settle(task, "failed", ended.reason)

    def _settle(self, task: Task, state: str, note: str = "", machine: str = "") -> None:
        if state == "failed":
            self.outcome.failed[task] = note
        else:
            getattr(self.outcome, state).append(task)
        self.view.update(task, state, note=note, machine=machine)
