"""The bench tasks at the end of a run, on this machine."""

from __future__ import annotations

import shutil
from pathlib import Path

from kit.runs.bundle import LEFT_OUT
from kit.runs.run import create
from kit.study.grid import Cell
from kit.study.preset import load
from kit.workflow.graph import Graph, Task
from kit.workflow.measuring import measure
from kit.workflow.scheduler import TaskOutcomes


class Shown:
    """Keeps what a view is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, int, int]] = []

    def at_once(self, slots: int) -> None:
        pass

    def update(self, task: Task, state: str, done: int = 0, total: int = 0, note: str = "", machine: str = "") -> None:
        self.told.append((task.name, state, done, total))


def test_each_task_ends_as_it_should(tiny: Path, tmp_path: Path) -> None:
    run = create(tmp_path / "run", load("smoke"))
    cells = [Cell("mobilenet", 1, sparsity, "int8") for sparsity in (0, 30, 60)]
    for cell in cells[:2]:
        (run.folder / cell.name).mkdir(parents=True)
        shutil.copy(tiny, run.path(cell, "model.tflite"))
    measured, unconverted, gone = (Task("bench", cells[index]) for index in (0, 1, 2))
    tasks, outcome, shown = [measured, unconverted, gone], TaskOutcomes(), Shown()
    graph = Graph(cells)
    (conversion,) = graph.needs(unconverted)
    outcome.failed[conversion] = "broken"
    measure(run, graph, tasks, outcome, shown)
    assert (outcome.done, outcome.blocked, set(outcome.failed)) == (
        [measured],
        [unconverted],
        {gone, conversion},
    )
    assert "no file at" in outcome.failed[gone]
    progress = [(done, total) for name, state, done, total in shown.told if name == measured.name and state == "running"]
    assert progress == [(0, 2), (1, 2), (1, 2), (2, 2)]
    again = TaskOutcomes()
    measure(run, graph, [measured], again, shown)
    assert again.fresh == [measured] and not again.done


def test_what_a_bundle_lacks_is_said(tmp_path: Path) -> None:
    run = create(tmp_path / "bundle", load("smoke"))
    (run.folder / LEFT_OUT).write_text('{"mobilenet@1/s00/int8/model.tflite": ""}')
    task, outcome = Task("bench", Cell("mobilenet", 1, 0, "int8")), TaskOutcomes()
    measure(run, Graph([task.cell]), [task], outcome, Shown())
    assert (
        outcome.failed[task]
        == f"{run.folder} is a bundle without this file: `kit reproduce --preset smoke` makes the whole run again"
    )
