"""The order of measurements, and what is kept of them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from kit.device.journal import Journal
from kit.device.protocol import Unit, schedule


def test_rounds_are_shuffled_and_whole_and_the_sentinel_is_measured_again_and_again() -> None:
    cells = [f"cell{index}" for index in range(12)]
    units = schedule(cells, 5, "cell3")
    plain = [unit for unit in units if not unit.sentinel]
    assert len(plain) == 60 and len(set(plain)) == 60
    rounds = [[unit.cell for unit in plain[start : start + 12]] for start in range(0, 60, 12)]
    assert all(sorted(round_) == sorted(cells) for round_ in rounds)
    assert len({tuple(round_) for round_ in rounds}) == 5, "every round has its own order"
    sentinels = [index for index, unit in enumerate(units) if unit.sentinel]
    assert sentinels[0] == 0 and sentinels[-1] == len(units) - 1
    assert all(later - earlier <= 9 for earlier, later in pairwise(sentinels))
    assert units == schedule(cells, 5, "cell3"), "a call that resumes has the same order"


def test_a_single_cell_is_its_own_sentinel() -> None:
    assert schedule(["a"], 2, "a") == [Unit("a", 0), Unit("a", 1)]


def entry(cell: str, process: int, digest: str) -> dict:
    return {"cell": cell, "digest": digest, "unit": {"cell": cell, "process": process, "sentinel": False}}


def test_a_journal_outlives_a_kill_in_the_middle_of_a_line(tmp_path: Path) -> None:
    path, digests = tmp_path / "x.jsonl", {"a": "1", "b": "2"}
    first = Journal(path, "settings", digests)
    first.add(entry("a", 0, "1"))
    first.add(entry("b", 0, "2"))
    with path.open("ab") as stream:
        stream.write(b'{"cell":"a","dig')
    again = Journal(path, "settings", digests)
    assert again.has(Unit("a", 0)) and again.has(Unit("b", 0)) and not again.has(Unit("a", 1))
    again.add(entry("a", 1, "1"))
    assert len(Journal(path, "settings", digests).of("a")) == 2


def test_a_journal_of_other_models_or_settings_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    Journal(path, "settings", {"a": "1"}).add(entry("a", 0, "1"))
    assert not Journal(path, "settings", {"a": "changed"}).has(Unit("a", 0))
    assert not Journal(path, "other settings", {"a": "1"}).has(Unit("a", 0))
