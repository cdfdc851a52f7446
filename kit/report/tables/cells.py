"""The tables of all cells: their metrics, sparsity by kind of layer, and sizes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from kit.analysis.descriptive import wilson
from kit.analysis.results import Result
from kit.report import captions
from kit.report.language import Language
from kit.report.recorded import said
from kit.report.tables.table import MISSING, Table, TableRow, Value, brackets, marked, marks, number
from kit.stages.values import Zeros


def cells(results: list[Result], language: Language) -> Table:
    """All cells with all metrics."""
    tr = language.tr
    headers = [
        tr("cell"), tr("parameters"), tr("non-zero"), tr("sparsity"), tr("top-1 [95 %]"), tr("tied images"), tr("top-3"),
        tr("loss"), tr("top-1 train"), tr("file kB"), tr("gzip kB"), tr("latency µs [95 %]"), tr("peak memory MB"),
    ]  # fmt: skip
    note = " ".join(
        part
        for part in (
            captions.accuracy(results, language),
            tr("Sparsity: zeros over all parameters."),
            captions.sizes(language),
            captions.latency(results, language),
            captions.memory(results, language),
        )
        if part
    )
    rows = [_cell_row(result, language) for result in results]
    return Table("cells", tr("All cells"), note, headers, rows, is_long=True)


def stale(found: Mapping[str, str], language: Language) -> Table:
    """The records whose figures are left out."""
    tr = language.tr
    note = tr("What the run's preset or its files contradict, or what cannot be read. It is in no other table or figure.")
    rows = [TableRow([Value(name), Value(said(why, language))]) for name, why in found.items()]
    return Table("stale", tr("Stale records"), note, [tr("record"), tr("why")], rows)


def summary(results: list[Result], language: Language) -> Table:
    """The cells that have results, with the metrics that one compares first: narrow enough for a terminal."""
    full = cells([result for result in results if result.size_bytes is not None or result.stale], language)
    chosen = [0, 3, 4, 6, 9, 10, 11, 12]
    rows = [TableRow([row.values[index] for index in chosen], row.cell) for row in full.rows]
    return Table("summary", full.title, full.note, [full.headers[index] for index in chosen], rows)


def _cell_row(r: Result, language: Language) -> TableRow:
    test, bench = r.test, r.bench
    write = partial(number, language)
    values = [
        Value(marked(r, language)),
        write(r.parameters, ",d", r.records.weights),
        write(r.nonzero, ",d", r.records.weights),
        write(r.achieved_sparsity, ".4f", r.records.weights),
        write(test.top1 if test else None, ".4f", r.records.predictions, _interval(r, language)),
        write(test.tied if test else None, ".4f", r.records.predictions),
        write(test.top3 if test else None, ".4f", r.records.predictions),
        write(test.loss if test else None, ".3f", r.records.predictions),
        write(r.train.top1 if r.train else None, ".4f", r.records.predictions),
        write(_thousands(r.size_bytes), ",.1f", r.records.model),
        write(_thousands(r.gzip_bytes), ",.1f", r.records.model),
        write(bench.latency.value if bench else None, ",.0f", bench.record if bench else "", _spread(r, language)),
        write(bench.memory.value / 1e6 if bench else None, ".2f", bench.record if bench else ""),
    ]
    return TableRow(values, r.cell)


def _thousands(size_bytes: int | None) -> float | None:
    return None if size_bytes is None else size_bytes / 1000


def _interval(r: Result, language: Language) -> str:
    if r.test is None:
        return ""
    low, high = wilson(r.test.top1 * r.test.n, r.test.n)
    return brackets(low, high, ".3f", language)


def _spread(r: Result, language: Language) -> str:
    if r.latency is None:
        return ""
    ends = brackets(*r.latency.interval, ",.0f", language) if r.latency.interval else ""
    return f"{ends} {marks(r, language)}".strip()


def sparsity(results: list[Result], language: Language) -> Table:
    """Achieved sparsity of each variant by layer kind."""
    tr = language.tr
    kinds = {
        "pointwise": tr("pointwise"),
        "convolution": tr("convolution"),
        "dense": tr("dense"),
        "depthwise": tr("depthwise"),
        "normalization": tr("normalization"),
        "bias": tr("bias"),
    }
    rows = {}
    for r in results:
        if r.weights is None:
            continue
        write = partial(number, language)
        values = [write(_share(r.weights.get(kind)), ".4f", r.records.weights) for kind in kinds]
        total = write(r.achieved_sparsity, ".4f", r.records.weights)
        rows[r.cell.variant] = TableRow([Value(r.cell.variant.name), *values, total], r.cell.variant)
    note = tr(
        "Zeros over parameters of each kind of layer, counted in the weights before conversion (exact; n = 1). Last column: "
        "over all parameters."
    )
    headers = [tr("variant"), *kinds.values(), tr("all")]
    return Table("sparsity", tr("Achieved sparsity"), note, headers, list(rows.values()), is_long=True)


def _share(group: Zeros | None) -> float | None:
    return group.zeros / group.parameters if group and group.parameters else None


def sizes(results: list[Result], language: Language) -> Table:
    """Sizes against the variant's float32 file."""
    tr = language.tr
    rows = []
    for r in results:
        base = next((b for b in results if b.cell.variant == r.cell.variant and b.cell.precision == "float32"), None)
        if r.size_bytes is None or r.gzip_bytes is None or base is None or base.size_bytes is None:
            continue
        write = partial(number, language)
        values = [
            Value(r.cell.name),
            write(r.size_bytes, ",d", r.records.model),
            write(base.size_bytes / r.size_bytes, ".2f", r.records.model, "×"),
            write(r.gzip_bytes, ",d", r.records.model),
            write(base.size_bytes / r.gzip_bytes, ".2f", r.records.model, "×"),
            _float_operators(r, language),
        ]
        rows.append(TableRow(values, r.cell))
    note = tr("Ratios: the float32 file of the same variant over this file. Exact: n = 1, no spread.")
    headers = [
        tr("cell"), tr("file bytes"), tr("smaller"), tr("gzip -9 bytes"), tr("smaller after gzip"), tr("float operators"),
    ]  # fmt: skip
    return Table("sizes", tr("File sizes and operators"), note, headers, rows, is_long=True)


def _float_operators(r: Result, language: Language) -> Value:
    if r.contents is None:
        return Value(MISSING)
    operators = r.contents.operators
    total = sum(sum(kinds.values()) for kinds in operators.values())
    floats = sum(kinds.get("float32", 0) for kinds in operators.values())
    text = language.tr("{part} of {all}", part=floats, all=total)
    return Value(text, floats, r.records.predictions)
