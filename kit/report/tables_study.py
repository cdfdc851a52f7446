"""Tables that set a run beside the study: each published number, and whether compression did what it promises."""

from __future__ import annotations

from collections.abc import Iterable

from kit.report.comparison import Comparison
from kit.report.compressed import Compression
from kit.report.language import Language
from kit.report.tables import MISSING, Row, Table, Value, brackets
from kit.study.cells import named

_SPECS = {
    "parameters_millions": ",.3f",
    "top1": ".4f",
    "top3": ".4f",
    "file_mb": ",.4f",
    "memory_mib": ",.2f",
    "latency_us": ",.0f",
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
        "times and memory. Parameters in millions and file sizes are exact. Absolute times and memory compare only with "
        "those of a Raspberry Pi 4."
    )
    made = [_comparison(row, language) for row in rows]
    return Table("published", tr("Published and own values"), note, headers, made)


def quantity_name(quantity: str, language: Language) -> str:
    """A published quantity in words, with its unit."""
    tr = language.tr
    return {
        "parameters_millions": tr("parameters, millions"),
        "top1": tr("top-1"),
        "top3": tr("top-3"),
        "file_mb": tr("file size, MB"),
        "memory_mib": tr("peak memory, MiB"),
        "latency_us": tr("latency, µs"),
    }[quantity]


def _comparison(row: Comparison, language: Language) -> Row:
    spec, record = _SPECS[row.quantity], row.records[0] if row.records else ""
    agrees = {True: ("✓ " + language.tr("yes"), "up"), False: ("✗ " + language.tr("no"), "down"), None: (MISSING, "")}
    text, tone = agrees[row.agrees]
    is_foreign = row.note is not None and row.own is not None
    return Row(
        [
            Value(row.cell),
            Value(quantity_name(row.quantity, language)),
            _ranged(row.published, row.published_low, row.published_high, _published_spec(row), "", language),
            _ranged(row.own, row.low, row.high, spec, record, language),
            _signed(None if is_foreign else row.deviation, "+" + spec, record, tone, language),
            _signed(None if is_foreign else row.relative, "+.2%", record, tone, language),
            Value(language.tr("not comparable") if is_foreign else text, tone=tone),
            Value(MISSING) if row.p is None else Value(language.number(row.p, ".2g"), row.p),
            Value(MISSING) if row.n is None else Value(language.number(row.n, ",d"), row.n),
            Value(language.say(row.note or row.test)),
        ],
        named(row.cell),
    )


def _published_spec(row: Comparison) -> str:
    """As the study wrote it."""
    return ",.1f" if row.quantity == "parameters_millions" else _SPECS[row.quantity]


def _ranged(value: float | None, low: float | None, high: float | None, spec: str, record: str, language: Language) -> Value:
    if value is None:
        return Value(MISSING)
    text = language.number(value, spec)
    if low is not None and high is not None:
        text = f"{text} {brackets(low, high, spec, language)}"
    return Value(text, value, record)


def _signed(value: float | None, spec: str, record: str, tone: str, language: Language) -> Value:
    return Value(MISSING) if value is None else Value(language.number(value, spec), value, record, tone)


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


def _compression(row: Compression, language: Language) -> Row:
    record = row.records[0] if row.records else ""
    saved = {step.step: step.saved_bytes / 1000 for step in row.steps}

    def write(value: float | None, spec: str) -> Value:
        return Value(MISSING) if value is None else Value(language.number(value, spec), value, record)

    return Row(
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
