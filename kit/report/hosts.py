"""The table of a bench on hosts: a number, its spread, and beside it what is to be doubted."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from kit.records.statistics import bootstrap, percentile
from kit.report.tables import Table

Row = tuple[str, str, str, dict[str, Any]]
"""Host, series, name, and the values of the record."""


def table(rows: Sequence[Row]) -> Table:
    """A row for each measurement. Emulated latencies say so, invalid ones show no number."""
    headers = ["cell", "host", "series", "µs [95 %]", "p90", "p99", "n", "peak MB", "top-1 there", "differ", "state", "doubts"]
    devices = {f"{host}: {v['device']['model']} ({v['origin']}), {v['device']['kernel']}" for host, _, _, v in rows}
    note = (
        "Latency: of `paper` the mean, of others the median of the processes' medians, with its bootstrap interval over "
        "processes (with one process: over inferences). n: processes x inferences. Peak: growth of the peak RSS, median. "
        + "; ".join(sorted(devices))
        + ("." if all(v["origin"] == "device" for *_, v in rows) else ". Emulated latencies say nothing about a device.")
    )
    return Table("Hosts", note, headers, [_row(*row) for row in rows])


def _row(host: str, series: str, name: str, values: dict[str, Any]) -> list[str]:
    samples, validity, parity = values["samples"], values["validity"], values["parity"]
    pooled = sorted(ns / 1000 for sample in samples for ns in sample["latency_ns"])
    growths = [sample["peak_rss_bytes"] - sample["base_rss_bytes"] for sample in samples]
    mark = " (emulated)" if values["origin"] == "emulated" else ""
    valid = validity["state"] == "VALID"
    return [
        name,
        host,
        series,
        _latency(samples, series.endswith("-paper")) + mark if valid else "–",
        f"{percentile(pooled, 90):,.0f}" if valid else "–",
        f"{percentile(pooled, 99):,.0f}" if valid else "–",
        f"{len(samples)} x {len(pooled) // len(samples)}",
        f"{statistics.median(growths) / 1e6:.2f}",
        f"{parity['top1']:.4f} of {parity['n']:,}" if parity else "–",
        _differing(parity) if parity else "–",
        validity["state"] if valid else f"INVALID: {'; '.join(validity['reasons'])}",
        "; ".join(values["doubts"]) or "none",
    ]


def _latency(samples: Sequence[dict[str, Any]], mean: bool) -> str:
    centre = statistics.fmean if mean else statistics.median
    groups = [[ns / 1000 for ns in sample["latency_ns"]] for sample in samples]
    centres = [centre(group) for group in groups] if len(groups) > 1 else groups[0]
    low, high = bootstrap(centres, centre)
    return f"{centre(centres):,.0f} [{low:,.0f}, {high:,.0f}]"


def _differing(parity: dict[str, Any]) -> str:
    by_class = ", ".join(f"{name} {count}" for name, count in sorted(parity["by_class"].items()))
    return f"{len(parity['differing'])}" + (f" ({by_class})" if by_class else "")
