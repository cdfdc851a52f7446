"""When a job may begin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kit.runs.run import Run
from kit.study.grid import Cell
from kit.study.preset import load
from kit.workflow.graph import Graph, Task, select
from kit.workflow.scheduler import _Scheduler


def test_a_job_begins_when_all_that_it_needs_has_ended_and_not_at_the_first_failure() -> None:
    preset: Any = load("smoke")
    tasks = Graph(select(preset, ["mobilenet/s00"]))
    planned = tasks.jobs(tasks.wanted(("evaluate",)))
    planner = _Scheduler(Run(Path("unused"), preset), None, None)  # type: ignore[arg-type]
    planner.planned = {task for job in planned for task in job.tasks}
    making, evaluating = planned
    assert planner._is_ready(making) and not planner._is_ready(evaluating)
    planner.outcome.failed[Task("convert", Cell("mobilenet", 1, 0, "float32"))] = "broken"
    assert not planner._is_ready(evaluating)  # int8 is still being converted
    planner.outcome.done.append(Task("convert", Cell("mobilenet", 1, 0, "int8")))
    assert planner._is_ready(evaluating)
