"""What figures put beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kit.report.results import comparable, results
from kit.study.cells import Cell
from tests.report.made_up import like_the_study, make, values


def test_only_benches_of_one_series_stand_beside_each_other(tmp_path: Path) -> None:
    def bench(cell: Cell) -> dict[str, dict[str, Any]]:
        own = like_the_study(cell)
        on_device = {"bench.pi.json": values(own, "device")} if cell.architecture == "mobilenet" else {}
        return {"bench.json": values(own, "host")} | on_device

    found = comparable(results(make(tmp_path, bench=bench)))
    measured = [(r.cell.architecture, r.latency.origin) for r in found if r.latency]
    assert measured == [("mobilenet", "device")] * 8


def test_what_is_emulated_is_shown_only_where_there_is_nothing_else(tmp_path: Path) -> None:
    emulated = comparable(results(make(tmp_path / "a", origin="emulated")))
    assert {r.latency.origin for r in emulated if r.latency} == {"emulated"}
