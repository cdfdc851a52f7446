"""Tables that compare a run with the study: each published number, and whether compression keeps its promises."""

from __future__ import annotations

from collections.abc import Iterable

from kit.analysis.comparison import Comparison
from kit.analysis.compression import Compression
from kit.report.language import Language
from kit.report.tables.table import MISSING, Table, TableRow, Value, brackets, number
from kit.study.grid import named

SPECS = {
    "parameters": ",.0f",
    "nonzero": ",.0f",
    "achieved_sparsity": ".4f",
    "top1": ".4f",
    "top3": ".4f",
    "train_top1": ".4f",
    "file_mb": ",.4f",
    "gzip_mb": ",.4f",
    "memory_mib": ",.2f",
    "latency_us": ",.0f",
    "memory_ratio": ".3f",
    "latency_ratio": ".3f",
}


def comparisons(rows: Iterable[Comparison], language: Language) -> Table:
    """Published and own value side by side, one row for each published number."""
    tr = language.tr
    headers = [
        tr("cell"), tr("quantity"), tr("published [interval]"), tr("own value [interval]"), tr("deviation"),
        tr("relative"), tr("agrees"), tr("p, adjusted"), "n", tr("decided by"),
    ]  # fmt: skip
    note = tr(
        "Intervals at 95 %: Wilson's for accuracies (the study's too, from its 10,000 test images), the bootstrap's for "
        "times and memory. Accuracies count ties as the study did. Numbers of parameters and file sizes are exact. Absolute "
        "times and memory compare only with those of a Raspberry Pi 4; ratios are to the trained network's float32 file."
    )
    made = [_comparison(row, language) for row in rows]
    return Table("published", tr("Published and own values"), note, headers, made, is_long=True)


def quantity_name(quantity: str, language: Language) -> str:
    """A published quantity in words, with its unit."""
    tr = language.tr
    return {
        "parameters": tr("parameters"),
        "nonzero": tr("non-zero"),
        "achieved_sparsity": tr("sparsity"),
        "top1": tr("top-1"),
        "top3": tr("top-3"),
        "train_top1": tr("top-1 train"),
        "file_mb": tr("file size, MB"),
        "gzip_mb": tr("gzip size, MB"),
        "memory_mib": tr("peak memory, MiB"),
        "latency_us": tr("latency, µs"),
        "memory_ratio": tr("memory, ratio"),
        "latency_ratio": tr("latency, ratio"),
    }[quantity]


def _comparison(row: Comparison, language: Language) -> TableRow:
    spec, record = SPECS[row.quantity], row.records[0] if row.records else ""
    agrees = {True: ("✓ " + language.tr("yes"), "up"), False: ("✗ " + language.tr("no"), "down"), None: (MISSING, "")}
    text, tone = agrees[row.agrees]
    is_foreign = row.note is not None and row.own is not None
    return TableRow(
        [
            Value(row.cell),
            Value(quantity_name(row.quantity, language)),
            _ranged(row.published, row.published_low, row.published_high, spec, "", language),
            _ranged(row.own, row.low, row.high, spec, record, language),
            number(language, None if is_foreign else row.deviation, "+" + spec, record, tone=tone),
            number(language, None if is_foreign else row.relative, "+.2%", record, tone=tone),
            Value(language.tr("not comparable") if is_foreign else text, tone=tone),
            number(language, row.p, ".2g"),
            number(language, row.n, ",d"),
            Value(" ".join(language.say(said) for said in (row.note or row.test, row.remark) if said)),
        ],
        named(row.cell),
    )


def _ranged(value: float | None, low: float | None, high: float | None, spec: str, record: str, language: Language) -> Value:
    around = "" if low is None or high is None else brackets(low, high, spec, language)
    return number(language, value, spec, record, around)


def compressions(rows: Iterable[Compression], language: Language) -> Table:
    """What each step saved, what stayed float, and why a file or a latency did not shrink."""
    tr = language.tr
    headers = [
        tr("cell"), tr("nominal sparsity"), tr("achieved sparsity"), tr("zeros in the file"), tr("integer operators"),
        tr("float operators"), tr("saved by pruning, kB"), tr("saved by quantization, kB"), tr("saved by gzip, kB"),
        tr("why the file did not shrink more"), tr("why the latency did not fall"),
    ]  # fmt: skip
    note = tr(
        "Steps in order: prune, quantize, gzip; each against the file before it. Sizes, zeros and operators are exact: "
        "n = 1, no spread."
    )
    made = [_compression(row, language) for row in rows]
    return Table("compressed", tr("Is it really compressed?"), note, headers, made, is_long=True)


def _compression(row: Compression, language: Language) -> TableRow:
    record = row.records[0] if row.records else ""
    saved = {step.step: step.saved_bytes / 1000 for step in row.steps}

    def write(value: float | None, spec: str) -> Value:
        return number(language, value, spec, record)

    return TableRow(
        [
            Value(row.cell),
            write(row.nominal, ".0%"),
            write(row.achieved, ".2%"),
            write(row.stored, ".2%"),
            write(sum(row.integer.values()), ",d"),
            write(sum(row.floating.values()), ",d"),
            *(write(saved.get(step), ",.1f") for step in ("pruning", "quantization", "gzip")),
            Value(language.say(row.file) if row.file else MISSING),
            Value(language.say(row.latency) if row.latency else MISSING),
        ],
        named(row.cell),
    )
