"""When a machine is so slow that its task is better done elsewhere."""

from __future__ import annotations

from kit.cluster.pace import Paces
from kit.study.grid import Cell
from kit.workflow.graph import Task

TASKS = [Task("train", Cell("mobilenet", seed, 0)) for seed in (1, 2, 3)]


def paces() -> Paces:
    """`fast` has done an hour's task in an hour; `slow` has got to a tenth of one in that time."""
    known = Paces(lambda task: 3600.0)
    known.progressed("slow", TASKS[0], 0.0, 0.0)
    known.progressed("fast", TASKS[1], 0.0, 0.0)
    known.ended("fast", TASKS[1], 3600.0)
    known.progressed("slow", TASKS[0], 0.1, 3600.0)
    return known


def test_a_task_moves_to_an_idle_machine_that_is_much_faster() -> None:
    known = paces()
    assert known.pace("fast", 3600.0) == 1.0 and known.pace("slow", 3600.0) == 0.1
    found = known.faster("slow", TASKS[:1], ["fast", "slow"], 180.0, 3600.0)
    assert found is not None and found[0] == "fast" and round(found[1]) == 10


def test_it_stays_where_moving_would_not_be_worth_it() -> None:
    known = paces()
    assert known.faster("slow", TASKS[:1], [], 180.0, 3600.0) is None
    assert known.faster("slow", TASKS[:1], ["unknown"], 180.0, 3600.0) is None
    assert known.faster("fast", TASKS[2:], ["slow"], 180.0, 3600.0) is None
    known.progressed("slow", TASKS[0], 0.995, 3600.0)
    assert known.faster("slow", TASKS[:1], ["fast"], 180.0, 3600.0) is None  # it is nearly over


def test_what_was_resumed_and_what_is_new_says_nothing() -> None:
    known = Paces(lambda task: 3600.0)
    known.progressed("fast", TASKS[0], 0.9, 0.0)
    known.ended("fast", TASKS[0], 360.0)
    known.progressed("fast", TASKS[1], 0.0, 0.0)
    known.progressed("fast", TASKS[1], 0.01, 10.0)
    assert known.pace("fast", 10.0) is None
    known.ended("fast", TASKS[1])
    assert known.pace("fast", 1000.0) is None
