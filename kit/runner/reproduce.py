"""Bring a run up to date: hold its folder, get the data, do what is stale, and say how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kit.pipeline import dataset
from kit.records import excerpt, image, store
from kit.records.run import Run, create
from kit.runner import board, plan, pool
from kit.runner.stages import STAGES
from kit.study.preset import Preset


def bring_up_to_date(
    folder: Path,
    preset: Preset,
    stages: Sequence[str],
    patterns: Sequence[str],
    data: Path,
    archive: Path | None = None,
    workers: int | None = None,
) -> pool.Outcome:
    """Run the stale stages of the cells that match `patterns`, and the stages before them. Returns how each task ended."""
    cells = plan.select(preset, patterns)
    with store.exclusive(folder) as lock:
        run = create(folder, preset)
        if not excerpt.left_out(run):  # an excerpt is measured, not made
            dataset.prepare(data, preset.dataset, archive)
        image.keep(folder)
        jobs = plan.jobs(cells, stages)
        count = workers or pool.default_workers(preset.threads)
        planned = preview(folder, preset, stages, patterns)
        warm = any(not fresh and task.stage in ("train", "prune", "convert") for task, fresh, _ in planned)
        with board.Watcher(run, board.new_board([(task, seconds) for task, _, seconds in planned], count)) as watcher:
            return pool.execute(run, jobs, data, count, lock, watcher, warm)


def preview(
    folder: Path, preset: Preset, stages: Sequence[str], patterns: Sequence[str]
) -> list[tuple[plan.Task, bool, float]]:
    """What would run: each task, whether it is fresh, and about how many seconds it takes on one core.

    A task whose input would be made anew counts as stale.
    """
    run, stale, rows = Run(folder, preset), set[plan.Task](), []
    for job in plan.jobs(plan.select(preset, patterns), stages):
        for task in job.tasks:
            fresh = not stale & set(task.needs()) and STAGES[task.stage].is_fresh(run, task.cell)
            if not fresh:
                stale.add(task)
            rows.append((task, fresh, 0.0 if fresh else plan.estimate_s(task, preset)))
    return rows
