"""How the records of a run stand: what status and dry runs show, and what by earlier versions is labelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

from msgspec import Struct

from kit.errors import KitError
from kit.runs.artifacts import MODEL
from kit.runs.run import Run
from kit.runs.stage import Finding, State
from kit.stages.registry import STAGES, maker
from kit.stages.standing import Standing
from kit.workflow.graph import Graph, Task
from kit.workflow.stages import BENCH, DECLARED


class Older(Struct, frozen=True):
    """`count` records that an earlier version of a stage made: with the same settings, so they count."""

    stage: str
    version: int
    now: int
    count: int


def findings(run: Run, tasks: Iterable[Task]) -> dict[Task, Finding]:
    """How each task's record stands; a bench counts as stale too if its model's does."""
    standing = Standing(run)
    return {
        task: _of_bench(run, standing, task) if task.stage == BENCH else standing.of(task.stage, task.cell) for task in tasks
    }


def _of_bench(run: Run, standing: Standing, task: Task) -> Finding:
    own = DECLARED[BENCH].state(run, task.cell)
    why = ("what it measured is not what would be measured here now",) if own is State.stale else ()
    return standing.made_from(Finding(own, why, not why), [(maker(MODEL, task.cell).name, task.cell)])


def older(run: Run) -> tuple[Older, ...]:
    """From the records alone; no file is read but them. A damaged record is left to `kit verify`."""
    found: Counter[tuple[str, int]] = Counter()
    for task in Graph(run.preset.cells()).wanted(tuple(STAGES)):
        with suppress(KitError):
            record = run.record(task.stage, task.cell)
            if record is not None and record.version < STAGES[task.stage].version:
                found[task.stage, record.version] += 1
    return tuple(Older(name, version, STAGES[name].version, count) for (name, version), count in sorted(found.items()))
