"""The report's tables as data: defined once, rendered as Markdown, as HTML and on the terminal."""

from __future__ import annotations

import math

from msgspec import Struct

from kit.records.statistics import wilson
from kit.report.results import Result
from kit.study.architectures import architecture
from kit.study.cells import label
from kit.study.datasets import Dataset

MISSING = "–"
_ONLY_IN_THE_REPORT = ("parameters", "non-zero", "loss", "top-1 train")


class Table(Struct, frozen=True):
    """`note` says n, spread and where it was measured."""

    title: str
    note: str
    headers: list[str]
    rows: list[list[str]]


def cells(results: list[Result]) -> Table:
    """All cells with all metrics."""
    headers = [
        "cell", "parameters", "non-zero", "sparsity", "top-1 [95 %]", "top-3", "loss", "top-1 train",
        "file kB", "gzip kB", "latency µs [quartiles]", "peak memory MB",
    ]  # fmt: skip
    return Table("All cells", _note(results), headers, [_cell_row(result) for result in results])


def summary(results: list[Result]) -> Table:
    """The cells that have results, with the metrics that one compares first: narrow enough for a terminal."""
    full = cells([result for result in results if result.size_bytes is not None])
    chosen = [full.headers.index(header) for header in full.headers if header not in _ONLY_IN_THE_REPORT]
    rows = [[row[index] for index in chosen] for row in full.rows]
    return Table(full.title, full.note, [full.headers[index] for index in chosen], rows)


def _cell_row(r: Result) -> list[str]:
    return [
        r.cell.name,
        f"{r.parameters:,}" if r.parameters is not None else MISSING,
        f"{r.nonzero:,}" if r.nonzero is not None else MISSING,
        f"{r.achieved_sparsity:.4f}" if r.achieved_sparsity is not None else MISSING,
        _top1(r),
        f"{r.test.top3:.4f}" if r.test else MISSING,
        f"{r.test.loss:.3f}" if r.test else MISSING,
        f"{r.train.top1:.4f}" if r.train else MISSING,
        f"{r.size_bytes / 1000:,.1f}" if r.size_bytes is not None else MISSING,
        f"{r.gzip_bytes / 1000:,.1f}" if r.gzip_bytes is not None else MISSING,
        _latency(r),
        f"{r.memory_bytes.median / 1e6:.2f}" if r.memory_bytes else MISSING,
    ]


def _top1(r: Result) -> str:
    if r.test is None:
        return MISSING
    low, high = wilson(round(r.test.top1 * r.test.n), r.test.n)
    return f"{r.test.top1:.4f} [{low:.3f}, {high:.3f}]"


def _latency(r: Result) -> str:
    if r.latency is None:
        return MISSING
    s = r.latency.spread
    mark = " (emulated)" if r.latency.origin == "emulated" else ""
    return f"{s.median:,.0f} [{s.lower:,.0f}, {s.upper:,.0f}]{mark}"


def _note(results: list[Result]) -> str:
    parts = []
    tested = next((r.test for r in results if r.test), None)
    if tested:
        parts.append(
            f"Accuracies and loss: all {tested.n:,} test images through the .tflite file; in brackets the Wilson interval."
        )
    parts.append("Sparsity: zeros over all parameters. File sizes in 1,000 bytes; gzip at level 9.")
    timed = next((r for r in results if r.latency and r.memory_bytes), None)
    if timed and timed.latency and timed.memory_bytes:
        n, m = timed.latency.spread.n, timed.memory_bytes.n
        parts.append(
            f"Latency: median and quartiles of n = {n} single inferences in {timed.latency.processes} fresh processes, one "
            f"thread, {timed.latency.interpreter}, on this {timed.latency.origin}: {timed.latency.device}. Peak memory: "
            f"growth of the peak RSS by loading and running the model, median of n = {m} processes there."
        )
    return " ".join(parts)


def by_class(results: list[Result], dataset: Dataset) -> list[Table]:
    """For each architecture the change of each class's top-1 against its unpruned float32 cell, in percentage points."""
    tables = []
    for name in dict.fromkeys(r.cell.architecture for r in results):
        own = [r for r in results if r.cell.architecture == name and r.test]
        base = next((r for r in own if r.cell.sparsity == 0 and r.cell.precision == "float32"), None)
        if base is None or base.test is None or len(own) < 2:
            continue
        rows = [[label(base.cell), *(f"{100 * value:.1f} %" for value in base.test.by_class), ""]]
        for r in own:
            if r is not base and r.test:
                changes = [100 * (a - b) for a, b in zip(r.test.by_class, base.test.by_class, strict=True)]
                rows.append([label(r.cell), *(f"{c:+.1f}" for c in changes), f"{_deviation(changes):.1f}"])
        n = base.test.n
        tables.append(
            Table(
                f"Top-1 by class: {architecture(name).label}",
                f"First row: top-1 of each class; below: change in percentage points. n = {n:,} test images; the last "
                "column is the standard deviation of the changes over the classes.",
                ["cell", *dataset.classes, "spread"],
                rows,
            )
        )
    return tables


def _deviation(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))


def sparsity(results: list[Result]) -> Table:
    """Achieved sparsity of each variant by layer kind."""
    kinds = ["pointwise", "convolution", "dense", "depthwise", "normalization", "bias"]
    rows, seen = [], set()
    for r in results:
        if r.weights is None or r.cell.variant in seen:
            continue
        seen.add(r.cell.variant)
        row = [label(r.cell.variant)]
        for kind in kinds:
            group = r.weights.get(kind)
            row.append(f"{group['zeros'] / group['parameters']:.4f}" if group else MISSING)
        rows.append([*row, f"{r.achieved_sparsity:.4f}"])
    note = "Zeros over parameters of each kind of layer, counted in the weights before conversion; last column: over all."
    return Table("Achieved sparsity", note, ["variant", *kinds, "all"], rows)


def sizes(results: list[Result]) -> Table:
    """Sizes against the variant's float32 file."""
    rows = []
    for r in results:
        base = next((b for b in results if b.cell.variant == r.cell.variant and b.cell.precision == "float32"), None)
        if r.size_bytes is None or r.gzip_bytes is None or base is None or base.size_bytes is None:
            continue
        rows.append(
            [
                label(r.cell),
                f"{r.size_bytes:,}",
                f"{base.size_bytes / r.size_bytes:.2f}x",
                f"{r.gzip_bytes:,}",
                f"{base.size_bytes / r.gzip_bytes:.2f}x",
                _float_operators(r),
            ]
        )
    note = "Ratios: the float32 file of the same variant over this file. Exact: n = 1, no spread."
    headers = ["cell", "file bytes", "smaller", "gzip -9 bytes", "smaller", "float operators"]
    return Table("File sizes and operators", note, headers, rows)


def _float_operators(r: Result) -> str:
    if r.contents is None:
        return MISSING
    operators: dict[str, dict[str, int]] = r.contents["operators"]
    total = sum(sum(kinds.values()) for kinds in operators.values())
    return f"{sum(kinds.get('float32', 0) for kinds in operators.values())} of {total}"
