"""The table of all benches: every device and way in which a cell was measured, with objections to each."""

from __future__ import annotations

from kit.analysis.measurement import BenchResult
from kit.analysis.results import Result
from kit.report import captions
from kit.report.language import Language
from kit.report.recorded import said
from kit.report.tables.table import MISSING, Table, TableRow, Value, interval, marked


def benches(results: list[Result], language: Language) -> Table:
    """One row for each bench of each cell; the one that the other tables show comes first."""
    tr = language.tr
    headers = [
        tr("cell"), tr("where"), tr("device"), tr("interpreter"), tr("delegate"), tr("delegated nodes"), tr("threads"),
        tr("protocol"), tr("statistic"), "n", tr("processes"), tr("latency µs [95 %]"), tr("peak memory MB [95 %]"),
        tr("valid"), tr("warnings"),
    ]  # fmt: skip
    note = tr(
        "Latency of n single inferences in fresh processes, and growth of the peak RSS, each with its bootstrap interval "
        "(none for one process). What is invalid or emulated is shown and decides nothing."
    )
    rows = [_row(r, bench, language) for r in results for bench in sorted(r.benches, key=lambda one: one is not r.bench)]
    return Table("benches", tr("All benches"), note, headers, rows, is_long=True)


def _row(r: Result, bench: BenchResult, language: Language) -> TableRow:
    number, series, latency, memory = language.number, bench.series, bench.latency, bench.memory
    return TableRow(
        [
            Value(marked(r, language)),
            Value(captions.origin_name(series.origin, language)),
            Value(series.device),
            Value(series.interpreter),
            Value(series.delegate),
            _delegation(bench, language),
            Value(number(series.threads, "d"), series.threads),
            Value(series.protocol or MISSING),
            Value(captions.statistic_name(latency.statistic, language)),
            Value(number(latency.n, ",d"), latency.n),
            Value(number(bench.process_count, ",d"), bench.process_count),
            Value(interval(latency, ",.0f", 1, language), latency.value, bench.record),
            Value(interval(memory, ",.2f", 1e6, language), memory.value / 1e6, bench.record),
            _validity(bench, language),
            Value(", ".join(said(one, language) for one in latency.warnings) or MISSING),
        ],
        r.cell,
    )


def _delegation(bench: BenchResult, language: Language) -> Value:
    ran = bench.delegation
    if ran is None:
        return Value(MISSING)
    return Value(language.tr("{part} of {all}", part=ran.delegated, all=ran.nodes), ran.delegated, bench.record)


def _validity(bench: BenchResult, language: Language) -> Value:
    tr, latency = language.tr, bench.latency
    if latency.validity == "invalid":
        reasons = ", ".join(said(one, language) for one in latency.invalid_reasons)
        return Value(f"✗ {tr('no')}: {reasons}", tone="down")
    return Value("✓ " + tr("yes"), tone="up") if latency.validity == "valid" else Value(tr("unknown"))
