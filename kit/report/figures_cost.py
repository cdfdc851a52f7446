"""Figures of what a cell costs: bytes and time, and what accuracy they buy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import altair as alt

from kit.report import drawing, notes
from kit.report.drawing import HEIGHT, WIDTH, Field, Figure, Rows
from kit.report.figures_accuracy import labels, precisions
from kit.report.ground import STUDIED_DATASET
from kit.report.language import Language
from kit.report.material import Material
from kit.report.results import Result, comparable
from kit.study.architectures import architecture
from kit.study.cells import PRECISIONS, Cell
from kit.study.published import Figures as Published
from kit.study.published import published

Figures = Callable[[Result], float | None]


def by_quantization(material: Material, language: Language) -> Figure | None:
    """Change of each metric by quantization, in percent of the float32 network's, without pruning."""
    tr = language.tr
    data = _quantization_rows(material, language)
    if not data:
        return None
    fields = {
        "metric": Field(tr("metric")),
        "architecture": Field(tr("architecture")),
        "precision": Field(tr("precision")),
        "before": Field("float32", ",.4f"),
        "after": Field(tr("quantized"), ",.4f"),
        "change": Field(tr("change"), "+.1%"),
        "source": Field(tr("source")),
    }
    present = [precision for precision in precisions(material.results) if precision != "float32"]
    title = tr("Change of each metric by quantization, without pruning")
    caption = " ".join(
        (
            tr("In percent of the float32 network's value."),
            notes.accuracy(material.results, language),
            notes.latency(comparable(material.results), language),
            notes.memory(comparable(material.results), language),
        )
    )
    caption += notes.diamonds(any(row["source"] != tr("this run") for row in data), language)
    chart = _change_bars(
        fields, present, labels(material.results), list(dict.fromkeys(row["metric"] for row in data)), tr("this run")
    )
    return drawing.figure("quantization", chart, title, caption, data, fields)


def _quantization_rows(material: Material, language: Language) -> Rows:
    """Each metric's change in this run and, for the metrics that it has, in the study."""
    tr, results = language.tr, comparable(material.results)
    is_studied = material.run.preset.dataset == STUDIED_DATASET
    metrics: dict[str, tuple[Figures, Callable[[Published], float] | None]] = {
        tr("top-1"): (lambda r: r.test.top1 if r.test else None, (lambda study: study.top1) if is_studied else None),
        tr("file size, kB"): (lambda r: _kilobytes(r.size_bytes), lambda study: study.file_mb * 1000),
        tr("gzip size, kB"): (lambda r: _kilobytes(r.gzip_bytes), None),
        tr("peak memory, MB"): (
            lambda r: r.memory_bytes.median / 1e6 if r.memory_bytes else None,
            lambda study: study.memory_mib * 2**20 / 1e6,
        ),
        tr("latency, µs"): (lambda r: r.latency.spread.median if r.latency else None, lambda study: study.latency_us),
    }
    found = {r.cell: r for r in results}
    pairs = [
        (found[base], r)
        for r in results
        for base in [Cell(r.cell.architecture, 0, "float32")]
        if base in found and not r.cell.sparsity and r.cell.precision != "float32"
    ]
    rows: Rows = []
    for metric, (own, theirs) in metrics.items():
        for base, quantized in pairs:
            values = own(base), own(quantized)
            study = published().of(base.cell), published().of(quantized.cell)
            rows += _change_row(metric, quantized.cell, values, tr("this run"))
            if rows and theirs and study[0] and study[1] and None not in values:
                rows += _change_row(metric, quantized.cell, (theirs(study[0]), theirs(study[1])), tr("published"))
    return rows


def _change_row(metric: str, cell: Cell, values: tuple[float | None, float | None], source: str) -> Rows:
    before, after = values
    if not before or after is None:
        return []
    row = {
        "metric": metric,
        "architecture": architecture(cell.architecture).label,
        "precision": cell.precision,
        "before": before,
        "after": after,
        "change": after / before - 1,
        "source": source,
    }
    return [row]


def _kilobytes(size_bytes: int | None) -> float | None:
    return None if size_bytes is None else size_bytes / 1000


def _change_bars(fields: dict[str, Field], present: list[str], names: list[str], metrics: list[str], own: str) -> Any:
    base = alt.Chart().encode(
        x=alt.X("change:Q", title=fields["change"].header, axis=alt.Axis(format="+.0%", tickCount=3)),
        y=alt.Y("architecture:N", sort=names, title=None, axis=alt.Axis(grid=False)),
        yOffset=alt.YOffset("precision:N", scale=alt.Scale(domain=present, paddingInner=0.2)),
    )
    theirs = base.transform_filter(alt.datum.source != own).mark_point(
        shape="diamond", size=70, color="currentColor", opacity=1
    )
    theirs = theirs.encode(tooltip=drawing.tooltip(fields))
    bar = (
        base.transform_filter(alt.datum.source == own)
        .mark_bar()
        .encode(
            color=drawing.colour("precision", fields["precision"].header, present, list(PRECISIONS)),
            tooltip=drawing.tooltip(fields),
        )
    )
    zero = alt.Chart().mark_rule(opacity=0.5, color=drawing.GREY).encode(x=alt.datum(0))
    layered = alt.layer(bar, zero, theirs).properties(width=WIDTH - 60, height=alt.Step(18))
    return drawing.facets(layered, "metric", metrics)


def gzip_by_sparsity(material: Material, language: Language) -> Figure | None:
    """Size after gzip against the sparsity that was reached, one line for each precision."""
    packed = [r for r in material.results if r.gzip_bytes is not None and r.achieved_sparsity is not None]
    if not packed:
        return None
    tr = language.tr
    fields = {
        "architecture": Field(tr("architecture")),
        "precision": Field(tr("precision")),
        "sparsity": Field(tr("achieved sparsity"), ".4f"),
        "gzip_kb": Field(tr("gzip size, kB"), ",.1f"),
        "file_kb": Field(tr("file size, kB"), ",.1f"),
    }
    data: Rows = [
        {
            "architecture": architecture(r.cell.architecture).label,
            "precision": r.cell.precision,
            "sparsity": r.achieved_sparsity,
            "gzip_kb": _kilobytes(r.gzip_bytes),
            "file_kb": _kilobytes(r.size_bytes),
        }
        for r in packed
    ]
    title = tr("Size after gzip against achieved sparsity")
    chart = drawing.facets(_size_lines(fields, precisions(packed)), "architecture", labels(packed))
    return drawing.figure("gzip-by-sparsity", chart, title, notes.sizes(language), data, fields)


def _size_lines(fields: dict[str, Field], present: list[str]) -> Any:
    title, order = fields["precision"].header, list(PRECISIONS)
    base = alt.Chart().encode(
        x=alt.X("sparsity:Q", title=fields["sparsity"].header, axis=alt.Axis(format="%", tickCount=4)),
        y=alt.Y("gzip_kb:Q", title=fields["gzip_kb"].header, axis=alt.Axis(format=",.0f", tickCount=5)),
        color=drawing.colour("precision", title, present, order),
    )
    line = base.mark_line(strokeWidth=1.5)
    point = base.mark_point(filled=True, size=45, opacity=1).encode(
        shape=drawing.shape("precision", title, present, order), tooltip=drawing.tooltip(fields)
    )
    return alt.layer(line, point).properties(width=WIDTH, height=HEIGHT)


def latencies(material: Material, language: Language) -> Figure | None:
    """Raw latencies of single inferences, thinned out to the same quantiles in each process."""
    tr = language.tr
    fields = {
        "architecture": Field(tr("architecture")),
        "cell": Field(tr("sparsity")),
        "precision": Field(tr("precision")),
        "process": Field(tr("process"), ".0f"),
        "latency_us": Field(tr("latency, µs"), ",.1f"),
    }
    data = _samples(material)
    if not data:
        return None
    present = precisions(material.results)
    tick = (
        alt.Chart()
        .mark_tick(thickness=1, opacity=0.5)
        .encode(
            x=alt.X(
                "latency_us:Q",
                title=fields["latency_us"].header,
                scale=alt.Scale(type="log", nice=False, padding=8),
                axis=alt.Axis(format=",.0f", tickCount=3),
            ),
            y=alt.Y("cell:N", title=fields["cell"].header, axis=alt.Axis(grid=False)),
            yOffset=alt.YOffset("precision:N", scale=alt.Scale(domain=present)),
            color=drawing.colour("precision", fields["precision"].header, present, list(PRECISIONS)),
            tooltip=drawing.tooltip(fields),
        )
        .properties(width=WIDTH, height=alt.Step(10))
    )
    chart = drawing.facets(tick, "architecture", labels(material.results), x="independent")
    title = tr("Latencies of single inferences, by cell")
    caption = tr("Each line is one inference; of each process {kept} of all, at even ranks.", kept=_KEPT)
    return drawing.figure(
        "latencies", chart, title, f"{caption} {notes.latency(comparable(material.results), language)}", data, fields
    )


_KEPT = 9


def _samples(material: Material) -> Rows:
    return [
        {
            "architecture": architecture(r.cell.architecture).label,
            "cell": f"{r.cell.sparsity} %",
            "precision": r.cell.precision,
            "process": process,
            "latency_us": latency_us,
        }
        for r in comparable(material.results)
        if r.latency
        for process, samples_us in enumerate(r.latency.processes_us, 1)
        for latency_us in thinned(samples_us)
    ]


def thinned(values: Sequence[float], kept: int = _KEPT) -> list[float]:
    """At most `kept` of the values, sorted: the smallest, the largest, and those at even ranks between."""
    ordered = sorted(values)
    if len(ordered) <= kept:
        return ordered
    return [ordered[round(index * (len(ordered) - 1) / (kept - 1))] for index in range(kept)]
