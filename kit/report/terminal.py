"""The tables of a bench on the terminal: a number, its interval, and what a reader should know besides.

Plain English without a catalogue, because `kit bench` must run without the extra `report`.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from kit.analysis.descriptive import percentile
from kit.analysis.measurement import BenchResult, Measurement, of_values
from kit.bench.campaign import TargetResult
from kit.bench.values import Device, Parity

MISSING = "–"
_HEADERS = ["cell", "latency µs [95 %]", "p90", "p99", "n", "peak memory MB", "delegated", "top-1 there", "differ", "state"]


class Sheet(Struct, frozen=True):
    """A table for the terminal; `note` says n, statistic and where it was measured."""

    title: str
    note: str
    headers: list[str]
    rows: list[list[str]]


def tables(measured: Sequence[TargetResult]) -> list[Sheet]:
    """A table for each series on each device. A number that has a warning has a ?, said below; an invalid one is marked."""
    groups: dict[tuple[str, str], list[TargetResult]] = {}
    for one in measured:
        groups.setdefault((one.where, one.series.name), []).append(one)
    return [_table(f"{where}, {series}", rows) for (where, series), rows in groups.items()]


def _table(title: str, rows: Sequence[TargetResult]) -> Sheet:
    first = rows[0]
    centre = {"mean": "mean of the processes' means", "median": "median of the processes' medians"}
    note = (
        f"Latency: {centre[first.settings.statistic]}, and its bootstrap interval over processes and inferences (none for "
        "one process). n: inferences in processes. Peak memory: growth of the peak RSS by loading and running the model. "
        "Delegated: how many of the file's nodes a delegate runs. "
        f"{_input(rows)}Measured on: {_device(first.values.device, first.values.origin)}."
    )
    if first.values.origin == "emulated":
        note += " Emulated latencies say nothing about a device."
    return Sheet(title, note, _HEADERS, [_row(one) for one in rows])


def _input(rows: Sequence[TargetResult]) -> str:
    """The shapes of what was put in; nothing where an older kit measured."""
    shapes = {one.values.samples[0].input_shape for one in rows if one.values.samples}
    known = sorted(" x ".join(map(str, shape)) for shape in shapes if shape)
    return f"Input: {', '.join(known)}. " if known else ""


def _device(device: Device, origin: str) -> str:
    return f"{device.model} ({origin}), {device.kernel}"


def remarks(measured: Sequence[TargetResult]) -> list[str]:
    """Why numbers are invalid, their warnings, and what files were given, a line each; what applies to all is said once."""
    each = [{*one.values.warnings} for one in measured]
    shared = set.intersection(*each) if len(each) > 1 else set[str]()
    lines = [f"? all: {warning}" for warning in sorted(shared)]
    lines += [f"{name} was given {given}" for name, given in _given(measured).items()]
    for one in measured:
        own = [f"INVALID: {reason}" for reason in one.values.invalid_reasons]
        own += [warning for warning in one.values.warnings if warning not in shared]
        if own:
            lines.append(f"? {one.where} {one.series.name} {one.target.name}: {'; '.join(own)}")
    return lines


def _given(measured: Sequence[TargetResult]) -> dict[str, str]:
    """What was put into each file that is no run's own, by its name."""
    files = [one for one in measured if not one.target.cell and one.values.samples]
    return {one.target.name: ", ".join(map(str, inputs)) for one in files if (inputs := one.values.samples[0].inputs)}


def bench_of(one: TargetResult) -> BenchResult:
    return of_values(one.settings, one.values, one.record)


def _row(one: TargetResult) -> list[str]:
    bench, parity = bench_of(one), one.values.parity
    pooled = sorted(us for process in bench.latency.processes for us in process)
    return [
        one.target.name,
        f"{interval(bench.latency)}{_marks(one)}",
        f"{percentile(pooled, 90):,.0f}",
        f"{percentile(pooled, 99):,.0f}",
        f"{bench.latency.n:,} in {bench.process_count}",
        f"{bench.memory.value / 1e6:.2f}",
        str(bench.delegation or MISSING),
        f"{parity.top1:.4f} of {parity.n:,}" if parity else MISSING,
        _differing(parity) if parity else MISSING,
        bench.latency.validity,
    ]


def interval(latency: Measurement) -> str:
    """The value in µs and its interval."""
    text = f"{latency.value:,.0f}"
    return f"{text} [{latency.interval[0]:,.0f}, {latency.interval[1]:,.0f}]" if latency.interval else text


def _marks(one: TargetResult) -> str:
    emulated = " (emulated)" if one.values.origin == "emulated" else ""
    invalid = " (invalid)" if one.values.validity == "invalid" else ""
    return emulated + invalid + (" ?" if one.values.warnings else "")


def _differing(parity: Parity) -> str:
    by_class = ", ".join(f"{name} {count}" for name, count in sorted(parity.by_class.items()))
    return f"{len(parity.differing)}" + (f" ({by_class})" if by_class else "")
