"""What figures put beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kit.analysis.results import comparable, results, usable_series
from kit.study.grid import Cell
from tests.made_up import like_the_study, make, values


def test_only_benches_of_one_series_stand_beside_each_other(tmp_path: Path) -> None:
    def bench(cell: Cell) -> dict[str, dict[str, Any]]:
        own = like_the_study(cell)
        on_device = {"bench.pi.json": values(own, "device")} if cell.architecture == "mobilenet" else {}
        return {"bench.local.json": values(own, "local")} | on_device

    found = comparable(results(make(tmp_path, bench=bench)))
    measured = [(r.cell.architecture, r.latency.series.origin) for r in found if r.latency]
    assert measured == [("mobilenet", "device")] * 8


def test_what_is_emulated_is_shown_only_where_there_is_nothing_else(tmp_path: Path) -> None:
    emulated = comparable(results(make(tmp_path / "a", origin="emulated")))
    assert {r.latency.series.origin for r in emulated if r.latency} == {"emulated"}


def test_without_a_delegate_as_the_study_measured_comes_first(tmp_path: Path) -> None:
    def bench(cell: Cell) -> dict[str, dict[str, Any]]:
        usual = values(like_the_study(cell), "device")
        return {f"bench.pi-{delegate}.json": usual | {"delegate": delegate} for delegate in ("xnnpack", "none")}

    found = results(make(tmp_path, bench=bench))
    assert [series.delegate for series in usable_series(found)] == ["none", "xnnpack"]
    assert {r.bench.series.delegate for r in found if r.bench} == {"none"}
