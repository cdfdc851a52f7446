"""When a job may begin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kit.records.run import Run
from kit.runner.plan import Task, jobs
from kit.runner.pool import _Pool
from kit.study.cells import Cell
from kit.study.preset import load


def test_a_job_begins_when_all_that_it_needs_has_ended_and_not_at_the_first_failure() -> None:
    preset: Any = load("smoke")
    planned = jobs([cell for cell in preset.cells() if cell.variant.name == "mobilenet/s00"], ("evaluate",))
    pool = _Pool(Run(Path("unused"), preset), Path("unused"), 2, 0, None)  # type: ignore[arg-type]
    pool.planned = {task for job in planned for task in job.tasks}
    making, evaluating = planned
    assert pool._is_ready(making, planned) and not pool._is_ready(evaluating, planned)
    pool.outcome.failed[Task("convert", Cell("mobilenet", 0, "float32"))] = "broken"
    assert not pool._is_ready(evaluating, planned)  # int8 is still being converted
    pool.outcome.done.append(Task("convert", Cell("mobilenet", 0, "int8")))
    assert pool._is_ready(evaluating, planned)
