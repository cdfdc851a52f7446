"""The tables of a bench on hosts: what is shown, what is not, and what is said beside it."""

from __future__ import annotations

from typing import Any

from kit.report.hosts import remarks, tables


def values(latency_ns: list[list[int]], **changes: Any) -> dict[str, Any]:
    samples = [{"latency_ns": ns, "base_rss_bytes": 1_000_000, "peak_rss_bytes": 9_500_000} for ns in latency_ns]
    return {
        "samples": samples, "origin": "device", "device": {"model": "Raspberry Pi 4", "kernel": "Linux 6.6"},
        "validity": {"state": "VALID", "reasons": []}, "doubts": [], "parity": None,
    } | changes  # fmt: skip


def test_the_median_of_processes_and_the_mean_of_the_paper() -> None:
    slow_start = [[1_000_000] * 49 + [3_000_000]]
    rigorous = ("pi", "tflite-t1-rigorous", "a/s00/int8", values([[1_000_000] * 50] * 4 + [[9_000_000] * 50]))
    paper = ("pi", "tflite-t1-paper", "a/s00/int8", values(slow_start))
    first, second = tables([rigorous, paper])
    assert first.rows[0][:5] == ["a/s00/int8", "1,000 [1,000, 9,000]", "9,000", "9,000", "5 x 50"]
    assert second.rows[0][1].startswith("1,040 [") and "mean" in second.note and "median of the" in first.note
    assert first.rows[0][5] == "8.50" and "Raspberry Pi 4 (device)" in first.note


def test_emulated_and_invalid_and_doubtful_numbers() -> None:
    emulated = values([[1000] * 50] * 5, origin="emulated", doubts=["drift 9 %"])
    hot = values([[1000] * 50] * 5, validity={"state": "INVALID", "reasons": ["throttled"]}, doubts=["drift 9 %", "few"])
    rows = [("pi", "s", "a", emulated), ("pi", "s", "b", hot)]
    (table,) = tables(rows)
    assert table.rows[0][1] == "1 [1, 1] (emulated) ?" and "say nothing about a device" in table.note
    assert table.rows[1][1:4] == ["–"] * 3 and table.rows[1][-1] == "INVALID"
    assert remarks(rows) == ["? all: drift 9 %", "? pi s b: INVALID: throttled; few"]


def test_parity_counts_by_class() -> None:
    parity = {"n": 200, "top1": 0.7, "top1_here": 0.71, "differing": [3, 9, 11], "by_class": {"cat": 2, "dog": 1}}
    (table,) = tables([("pi", "s", "a", values([[1000] * 50], parity=parity))])
    assert table.rows[0][6:8] == ["0.7000 of 200", "3 (cat 2, dog 1)"]
