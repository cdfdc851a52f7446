"""The end of a run: its bench tasks, alone on this machine, as one campaign."""

from __future__ import annotations

from collections.abc import Sequence

from kit import console
from kit.bench import campaign
from kit.bench.progress import Progress
from kit.bench.request import BenchRequest, of_preset, replaced
from kit.bench.transport import Local
from kit.runs.run import Run
from kit.workflow.graph import Graph, Task
from kit.workflow.scheduler import TaskOutcomes, View


def measure(run: Run, graph: Graph, tasks: Sequence[Task], outcome: TaskOutcomes, view: View) -> None:
    """Measure what is stale of `tasks`, and add to `outcome` how each ended. What a task needs must have ended."""
    unusable = {*outcome.failed, *outcome.blocked}
    blocked = [task for task in tasks if unusable & set(graph.needs(task))]
    outcome.blocked += blocked
    for task in blocked:
        view.update(task, "blocked")
    ready = [task for task in tasks if task not in blocked]
    if ready:
        request = of_preset(run, [task.cell for task in ready])
        for line in replaced(request, Local()):
            console.say(line)
        (found,) = campaign.bench(request, [Local()], _TaskProgress(request, {task.cell.name: task for task in ready}, view))
        _settle(request, ready, found, outcome, view)


class _TaskProgress:
    """Reports for each task how many of its processes are done, over all series."""

    def __init__(self, request: BenchRequest, tasks: dict[str, Task], view: View) -> None:
        self._tasks, self._view = tasks, view
        self._processes = request.protocol.processes
        self._total = len(request.series()) * self._processes
        self._done: dict[tuple[str, str], int] = {}

    def __call__(self, progress: Progress) -> None:
        ended = progress.state in ("done", "fresh", "failed")
        self._done[progress.series, progress.name] = self._processes if ended else progress.done
        done = sum(count for (_, name), count in self._done.items() if name == progress.name)
        note = "" if ended else progress.state
        self._view.update(self._tasks[progress.name], "running", done, self._total, f"{progress.series} {note}".strip())


def _settle(
    request: BenchRequest, tasks: Sequence[Task], found: campaign.DeviceOutcome, outcome: TaskOutcomes, view: View
) -> None:
    wanted = len(request.series())
    for task in tasks:
        measured = [one for one in found.measured if one.target.name == task.cell.name]
        reasons = [reason for (_, name), reason in found.failed.items() if name == task.cell.name]
        if len(measured) == wanted:
            fresh = all(one.fresh for one in measured)
            (outcome.fresh if fresh else outcome.done).append(task)
            view.update(task, "fresh" if fresh else "done")
        else:
            outcome.failed[task] = "; ".join(reasons) or str(found.lost)
            view.update(task, "failed", note=outcome.failed[task])
