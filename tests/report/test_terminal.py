"""The tables of a bench on the terminal: what is shown, how it is marked, and what is said beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kit.bench.campaign import TargetResult
from kit.bench.measure import BenchSeries
from kit.bench.request import Target
from kit.bench.values import BenchValues, Device, Parity, Sample
from kit.report.terminal import remarks, tables
from kit.study.protocols import PROTOCOLS


def measured(latency_ns: list[list[int]], protocol: str = "rigorous", name: str = "a", **changes: Any) -> TargetResult:
    samples = tuple(Sample(tuple(ns), (), 1_000_000, 9_500_000, 12, 11, 2) for ns in latency_ns)
    values = {"origin": "device", "device": Device("Raspberry Pi 4", "Linux 6.6"), "validity": "valid"} | changes
    series = BenchSeries(PROTOCOLS[protocol], "tflite", "none", 1)
    return TargetResult(
        "pi", series, Target(name, Path(name)), series.settings("pi", 0), BenchValues(samples=samples, **values)
    )


def test_the_median_of_processes_and_the_mean_of_the_paper() -> None:
    rigorous = measured([[1_000_000] * 50] * 4 + [[9_000_000] * 50])
    first, second = tables([rigorous, measured([[1_000_000] * 49 + [3_000_000]], "paper")])
    assert first.title == "pi, tflite-none-t1-rigorous" and first.rows[0][0] == "a"
    assert first.rows[0][1].startswith("1,000 [") and first.rows[0][2:5] == ["9,000", "9,000", "250 in 5"]
    assert second.rows[0][1] == "1,040", "one process has no interval"
    assert "mean of" in second.note and "median of" in first.note
    assert first.rows[0][5:7] == ["8.50", "11/12"] and "Raspberry Pi 4 (device)" in first.note


def test_emulated_and_invalid_numbers_and_warnings() -> None:
    emulated = measured([[1000] * 50] * 5, origin="emulated", warnings=("drift 9 %",))
    hot = measured(
        [[1000] * 50] * 5, name="b", validity="invalid", invalid_reasons=("throttled",), warnings=("drift 9 %", "few")
    )
    (table,) = tables([emulated, hot])
    assert table.rows[0][1] == "1 [1, 1] (emulated) ?" and "say nothing about a device" in table.note
    assert table.rows[1][1] == "1 [1, 1] (invalid) ?" and table.rows[1][-1] == "invalid"
    assert remarks([emulated, hot]) == ["? all: drift 9 %", "? pi tflite-none-t1-rigorous b: INVALID: throttled; few"]


def test_parity_counts_by_class() -> None:
    parity = Parity(200, 0.7, 0.71, (3, 9, 11), {"cat": 2, "dog": 1})
    (table,) = tables([measured([[1000] * 50], parity=parity)])
    assert table.rows[0][7:9] == ["0.7000 of 200", "3 (cat 2, dog 1)"]
