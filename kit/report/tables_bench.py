"""The table of all benches: every place and way in which a cell was measured, with what speaks against each."""

from __future__ import annotations

from kit.report import notes
from kit.report.language import Language
from kit.report.results import Latency, Result
from kit.report.tables import MISSING, Row, Table, Value, brackets


def benches(results: list[Result], language: Language) -> Table:
    """One row for each bench of each cell; the one that the other tables show comes first."""
    tr = language.tr
    headers = [
        tr("cell"), tr("where"), tr("device"), tr("interpreter"), tr("threads"), tr("protocol"), "n", tr("processes"),
        tr("latency µs [quartiles]"), tr("peak memory MB"), tr("valid"), tr("doubts"),
    ]  # fmt: skip
    note = tr(
        "Median and quartiles of n single inferences, pooled over fresh processes; peak memory is the median growth of the "
        "peak RSS. What is not valid or emulated is shown and decides nothing."
    )
    rows = [_row(r, bench, language) for r in results for bench in sorted(r.latencies, key=lambda one: one is not r.latency)]
    return Table("benches", tr("All benches"), note, headers, rows, is_long=True)


def _row(r: Result, bench: Latency, language: Language) -> Row:
    spread, number = bench.spread, language.number
    latency = f"{number(spread.median, ',.0f')} {brackets(spread.lower, spread.upper, ',.0f', language)}"
    memory_mb = bench.memory_bytes.median / 1e6
    valid = Value("✓ " + language.tr("yes"), tone="up")
    if bench.reasons:
        valid = Value(f"✗ {language.tr('no')}: {', '.join(bench.reasons)}", tone="down")
    return Row(
        [
            Value(r.cell.name),
            Value(notes.origin_name(bench.origin, language)),
            Value(bench.device),
            Value(bench.interpreter),
            Value(number(bench.threads, "d"), bench.threads),
            Value(bench.protocol or MISSING),
            Value(number(spread.n, ",d"), spread.n),
            Value(number(bench.processes, ",d"), bench.processes),
            Value(latency, spread.median, bench.record),
            Value(number(memory_mb, ",.2f"), memory_mb, bench.record),
            valid,
            Value(", ".join(bench.doubts) or MISSING),
        ],
        r.cell,
    )
