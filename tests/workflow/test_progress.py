import io
from pathlib import Path

import pytest
from rich.console import Console

from kit import store
from kit.runs.run import Run
from kit.study.grid import Cell
from kit.study.preset import load
from kit.workflow import progress, reproduce
from kit.workflow.graph import Graph, Task, select
from kit.workflow.progress import Board, Entry
from kit.workflow.stages import ORDER

TASK = Task("train", Cell("mobilenet", 1, 0))
NOW = 1_700_000_000.0


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands still, so that a slow machine counts the same seconds."""
    monkeypatch.setattr(progress.time, "time", lambda: NOW)


def test_time_left_counts_only_what_this_call_has_done() -> None:
    """Resumed at half of 10,000 s of work, a tenth more done in 1,000 s: the other 4,000 s take 4,000 s."""
    entry = Entry(TASK, 10_000.0, "running", done=60, total=100, resumed=50)
    board = Board([entry, Entry(TASK, 500.0, "fresh")], workers=1, began=NOW - 1000)
    assert board.left_s() == pytest.approx(4000, rel=0.01)


def test_a_slow_start_does_not_upset_the_estimates() -> None:
    """The first 20 s of two workers bring 10 s of the work: that alone says little of the 5,990 s that are left."""
    entry = Entry(TASK, 6000.0, "running", done=10, total=6000)
    board = Board([entry], workers=2, began=NOW - 20)
    assert 2995 < board.left_s() < 3400


def test_before_anything_is_known_the_estimates_count() -> None:
    left_s = Board([Entry(TASK, 100.0), Entry(TASK, 300.0)], workers=2, began=NOW).left_s()
    assert left_s == pytest.approx(200, rel=0.01)


def test_jobs_hold_each_task_once_and_what_it_needs() -> None:
    preset = load("smoke")
    tasks = Graph(select(preset, ["mobilenet/s60/int8"]))
    planned = tasks.wanted(("evaluate", "bench"))
    assert [task.name for task in planned] == [
        "train mobilenet@1/s00",
        "prune mobilenet@1/s60",
        "convert mobilenet@1/s60/int8",
        "evaluate mobilenet@1/s60/int8",
        "bench mobilenet@1/s60/int8",
    ]
    tasks = Graph(preset.cells())
    everything = tasks.wanted(ORDER)
    assert len(everything) == len(set(everything)) == 3 + 9 + 3 * 24 + 12  # an audit for each int8 cell


def test_benches_are_no_jobs_but_come_last() -> None:
    tasks = Graph(load("smoke").cells())
    wanted = tasks.wanted(("evaluate", "bench"))
    assert {task.stage for job in tasks.jobs(wanted) for task in job.tasks} == {"train", "prune", "convert", "evaluate"}
    assert sum(task.stage == "bench" for task in wanted) == 24


def test_what_a_worker_says_of_a_task_controls_no_terminal() -> None:
    entry = Entry(Task("train", Cell("mobilenet", 1, 0)), 1.0, "running", note="loss \x1b]0;mine\x07 0.1")
    shown = Console(file=io.StringIO(), force_terminal=True, width=200)
    shown.print(progress.matrix(Board([entry], 1, 0.0)))
    assert isinstance(shown.file, io.StringIO)
    assert "loss ]0;mine 0.1" in shown.file.getvalue() and "\x1b]" not in shown.file.getvalue()


class Stopped(BaseException):
    """While the data set is fetched."""


def test_the_board_of_a_killed_run_is_not_shown_as_the_next_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path, load("smoke"))
    killed = progress.Watcher(run, Board([Entry(TASK, 1.0, "running", note="of a killed run")], 3, NOW))
    killed.__enter__()
    with store.exclusive(tmp_path):
        assert progress.status(run).workers == 3, "a board is shown from the start"

    def fetch(*_: object) -> None:
        board = progress.status(run)
        assert store.is_held(tmp_path) and not board.workers and not any(entry.note for entry in board.entries)
        raise Stopped

    monkeypatch.setattr(reproduce.prepare, "prepare", fetch)
    with pytest.raises(Stopped):
        reproduce.bring_up_to_date(reproduce.RunRequest(tmp_path, run.preset, ORDER))
