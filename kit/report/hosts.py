"""The tables of a bench, on hosts or here: a number, its spread, and beside it what is to be doubted."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from kit.records.statistics import bootstrap, percentile
from kit.report import notes
from kit.report.language import language
from kit.report.results import Latency, Result
from kit.report.tables import MISSING

Row = tuple[str, str, str, dict[str, Any]]
"""Host, series, name, and the values of the record."""


class Sheet(Struct, frozen=True):
    """A table for the terminal; `note` says n, spread and where it was measured."""

    title: str
    note: str
    headers: list[str]
    rows: list[list[str]]


def tables(rows: Sequence[Row]) -> list[Sheet]:
    """A table for each series on each host. A number with a doubt has a ?, said below; an invalid one is not shown."""
    groups = dict.fromkeys((host, series) for host, series, *_ in rows)
    return [_table(host, series, [(r[2], r[3]) for r in rows if r[:2] == (host, series)]) for host, series in groups]


def _table(host: str, series: str, rows: Sequence[tuple[str, dict[str, Any]]]) -> Sheet:
    headers = ["cell", "latency µs [95 %]", "p90", "p99", "n", "peak memory MB", "top-1 there", "differ", "state"]
    device, origin = rows[0][1]["device"], rows[0][1]["origin"]
    centre = "mean" if series.endswith("-paper") else "median of the processes' medians"
    note = (
        f"Latency: {centre}, and its bootstrap interval over processes (with one process, over blocks of inferences). n: "
        "processes x inferences. Peak memory: growth of the peak RSS by loading and running the model, median. Measured on: "
        f"{device['model']} ({origin}), {device['kernel']}."
    )
    if origin == "emulated":
        note += " Emulated latencies say nothing about a device."
    return Sheet(f"{host}, {series}", note, headers, [_row(series, *row) for row in rows])


def here(results: Sequence[Result]) -> Sheet:
    """What was measured on this machine itself."""
    own = [(r, bench) for r in results for bench in r.latencies if bench.where == "local"]
    alone, english = [msgspec.structs.replace(r, latencies=(bench,)) for r, bench in own], language("en")
    headers = ["cell", "interpreter", "latency µs [quartiles]", "n", "peak memory MB"]
    note = f"{notes.latency(alone, english)} {notes.memory(alone, english)}"
    return Sheet("this machine", note, headers, [_row_here(r.cell.name, bench) for r, bench in own])


def _row_here(name: str, bench: Latency) -> list[str]:
    spread = bench.spread
    return [
        name,
        bench.interpreter,
        f"{spread.median:,.0f} [{spread.lower:,.0f}, {spread.upper:,.0f}]",
        f"{bench.processes} x {spread.n // bench.processes}",
        f"{bench.memory_bytes.median / 1e6:.2f}",
    ]


def remarks(rows: Sequence[Row]) -> list[str]:
    """Why numbers are invalid or doubtful, a line each; what holds for all is said once."""
    shared = set.intersection(*({*values["doubts"]} for *_, values in rows)) if len(rows) > 1 else set[str]()
    lines = [f"? all: {doubt}" for doubt in sorted(shared)]
    for host, series, name, values in rows:
        own = [f"INVALID: {reason}" for reason in values["validity"]["reasons"]]
        own += [doubt for doubt in values["doubts"] if doubt not in shared]
        if own:
            lines.append(f"? {host} {series} {name}: {'; '.join(own)}")
    return lines


def _row(series: str, name: str, values: dict[str, Any]) -> list[str]:
    samples, parity = values["samples"], values["parity"]
    pooled = sorted(ns / 1000 for sample in samples for ns in sample["latency_ns"])
    growths = [sample["peak_rss_bytes"] - sample["base_rss_bytes"] for sample in samples]
    mark = (" (emulated)" if values["origin"] == "emulated" else "") + (" ?" if values["doubts"] else "")
    valid = values["validity"]["state"] == "VALID"
    return [
        name,
        _latency(samples, series.endswith("-paper")) + mark if valid else MISSING,
        f"{percentile(pooled, 90):,.0f}" if valid else MISSING,
        f"{percentile(pooled, 99):,.0f}" if valid else MISSING,
        f"{len(samples)} x {len(pooled) // len(samples)}",
        f"{statistics.median(growths) / 1e6:.2f}",
        f"{parity['top1']:.4f} of {parity['n']:,}" if parity else MISSING,
        _differing(parity) if parity else MISSING,
        values["validity"]["state"],
    ]


def _latency(samples: Sequence[dict[str, Any]], mean: bool) -> str:
    """Processes are resampled; of a single one blocks of inferences that follow each other (H. R. Künsch, 1989), because
    neighbours are alike."""
    centre = statistics.fmean if mean else statistics.median
    groups = [[ns / 1000 for ns in sample["latency_ns"]] for sample in samples]
    centres = [centre(group) for group in groups]
    resampled = centres if len(groups) > 1 else [centre(block) for block in _blocks(groups[0])]
    low, high = bootstrap(resampled, centre)
    return f"{centre(centres):,.0f} [{low:,.0f}, {high:,.0f}]"


def _blocks(values: Sequence[float], count: int = 50) -> list[Sequence[float]]:
    size = max(1, len(values) // count)
    return [values[start : start + size] for start in range(0, len(values) - size + 1, size)]


def _differing(parity: dict[str, Any]) -> str:
    by_class = ", ".join(f"{name} {count}" for name, count in sorted(parity["by_class"].items()))
    return f"{len(parity['differing'])}" + (f" ({by_class})" if by_class else "")
