"""What is kept of measurements while they go on."""

from __future__ import annotations

from pathlib import Path

from kit.bench.journal import Compared, Journal, Measured
from kit.bench.protocol import Unit
from kit.bench.values import Parity, Reading, Readings, Sample

READINGS = Readings(Reading(1.0, 0.1), (), Reading(2.0, 0.1))


def entry(cell: str, process: int, digest: str, sentinel: bool = False) -> Measured:
    return Measured(cell, digest, Unit(cell, process, sentinel), Sample((3, 1, 2), (), 1, 2), READINGS)


def test_it_outlives_a_kill_in_the_middle_of_a_line(tmp_path: Path) -> None:
    path, digests = tmp_path / "x.jsonl", {"a": "1", "b": "2"}
    first = Journal(path, "settings", digests)
    first.add(entry("a", 0, "1"))
    first.add(entry("b", 0, "2"))
    with path.open("ab") as stream:
        stream.write(b'{"type":"Measured","cell":"a","dig')
    again = Journal(path, "settings", digests)
    assert again.has(Unit("a", 0)) and again.has(Unit("b", 0)) and not again.has(Unit("a", 1))
    again.add(entry("a", 1, "1"))
    assert Journal(path, "settings", digests).of("a") == [entry("a", 0, "1"), entry("a", 1, "1")]


def test_one_of_other_models_or_settings_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    Journal(path, "settings", {"a": "1"}).add(entry("a", 0, "1"))
    assert not Journal(path, "settings", {"a": "changed"}).has(Unit("a", 0))
    assert not Journal(path, "other settings", {"a": "1"}).has(Unit("a", 0))


def test_sentinels_are_counted_apart_and_parity_is_kept(tmp_path: Path) -> None:
    journal, parity = Journal(tmp_path / "x.jsonl", "s", {"a": "1"}), Parity(2, 0.5, 1.0, (1,), {"cat": 1})
    journal.add(entry("a", 0, "1", sentinel=True))
    journal.add(Compared("a", "1", parity))
    again = Journal(tmp_path / "x.jsonl", "s", {"a": "1"})
    assert again.of("a") == [] and again.parity("a", 2) == parity and again.parity("b", 2) is None
    assert again.parity("a", 3) is None
    assert [(one.cell, one.median_ns, one.time) for one in again.sentinels()] == [("a", 2, 1.0)]
    again.end(["a"])
    assert not (tmp_path / "x.jsonl").exists()


def test_what_is_not_finished_stays(tmp_path: Path) -> None:
    path, digests = tmp_path / "x.jsonl", {"a": "1", "b": "2"}
    Journal(path, "s", digests).add(entry("a", 0, "1"))
    finished = Journal(path, "s", {"b": "2"})
    finished.add(entry("b", 0, "2"))
    finished.end(["b"])
    assert Journal(path, "s", digests).entries == [entry("a", 0, "1")]
