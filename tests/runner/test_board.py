import time

import pytest

from kit.runner.board import Board, Entry
from kit.runner.plan import Task, jobs, select
from kit.study.cells import Cell
from kit.study.preset import load

TASK = Task("train", Cell("mobilenet", 0))


def test_time_left_counts_only_what_this_call_has_done() -> None:
    """Resumed at half of 10,000 s of work, a tenth more done in 1,000 s: the other 4,000 s take 4,000 s."""
    entry = Entry(TASK, 10_000.0, "running", done=60, total=100, resumed=50)
    board = Board([entry, Entry(TASK, 500.0, "fresh")], workers=1, began=time.time() - 1000)
    assert board.left_s() == pytest.approx(4000, rel=0.01)


def test_a_slow_start_does_not_upset_the_estimates() -> None:
    """The first 20 s of two workers bring 10 s of the work: that alone says little of the 5,990 s that are left."""
    entry = Entry(TASK, 6000.0, "running", done=10, total=6000)
    board = Board([entry], workers=2, began=time.time() - 20)
    assert 2995 < board.left_s() < 3400


def test_before_anything_is_known_the_estimates_count() -> None:
    left_s = Board([Entry(TASK, 100.0), Entry(TASK, 300.0)], workers=2, began=time.time()).left_s()
    assert left_s == pytest.approx(200, rel=0.01)


def test_jobs_hold_each_task_once_and_what_it_needs() -> None:
    preset = load("smoke")
    planned = [task for job in jobs(select(preset, ["mobilenet/s60/int8"]), ("evaluate", "bench")) for task in job.tasks]
    assert [task.name for task in planned] == [
        "train mobilenet/s00",
        "prune mobilenet/s60",
        "convert mobilenet/s60/int8",
        "evaluate mobilenet/s60/int8",
        "bench mobilenet/s60/int8",
    ]
    everything = [
        task for job in jobs(preset.cells(), ("train", "prune", "convert", "evaluate", "bench")) for task in job.tasks
    ]
    assert len(everything) == len(set(everything)) == 3 + 9 + 3 * 24


def test_measuring_jobs_are_exclusive() -> None:
    planned = jobs(load("smoke").cells(), ("evaluate", "bench"))
    assert {job.exclusive for job in planned if job.tasks[0].stage == "bench"} == {True}
    assert {job.exclusive for job in planned if job.tasks[0].stage != "bench"} == {False}
