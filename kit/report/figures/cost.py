"""Figures of what a cell costs: bytes and time, and the accuracy that they buy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

import altair as alt

from kit.analysis import studied
from kit.analysis.digits import known
from kit.analysis.evidence import STUDIED_DATASET
from kit.analysis.material import Material
from kit.analysis.results import Result, comparable
from kit.analysis.trainings import mean_interval
from kit.report import captions
from kit.report.figures import drawing
from kit.report.figures.drawing import WIDTH, Field, Figure, Row, Rows
from kit.report.figures.parts import cell_fields, cell_row, kilobytes, labels, precision_colour, precisions
from kit.report.language import Language
from kit.study import architectures
from kit.study.grid import Cell, Point, compression
from kit.study.published import Figures

Metric = Callable[[Result], float | None]


def by_quantization(material: Material, language: Language) -> Figure | None:
    """Change of each metric by quantization, in percent of the float32 network's, without pruning."""
    tr = language.tr
    data = _quantization_rows(material, language)
    if not data:
        return None
    fields = {
        "metric": Field(tr("metric")),
        **cell_fields(language),
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
            captions.accuracy(material.results, language, len(material.run.preset.seeds)),
            captions.latency(comparable(material.results), language),
            captions.memory(comparable(material.results), language),
        )
    )
    caption += captions.diamonds(any(row["source"] == tr("published") for row in data), language)
    sources = (tr("this run"), tr("published"), tr("one training"))
    chart = _change_bars(
        fields, present, labels(material.results), drawing.texts(data, "metric"), sources, drawing.texts(data, "source")
    )
    return drawing.figure("quantization", chart, title, caption, data, fields)


def _quantization_rows(material: Material, language: Language) -> Rows:
    """Each metric's change in this run and, for the metrics that it has, in the study."""
    tr, results = language.tr, comparable(material.results)
    is_studied = material.run.preset.dataset == STUDIED_DATASET
    metrics: dict[str, tuple[Metric, Callable[[Figures], float] | None]] = {
        tr("top-1, ties shared evenly"): (lambda r: r.test.top1 if r.test else None, None),
        tr("top-1, ties as the study counted them"): (
            lambda r: r.test.studied.top1 if is_studied and r.test and r.test.studied else None,
            (lambda study: study.top1) if is_studied else None,
        ),
        tr("file size, kB"): (lambda r: kilobytes(r.size_bytes), lambda study: study.file_mb * 1000),
        tr("gzip size, kB"): (lambda r: kilobytes(r.gzip_bytes), lambda study: study.gzip_mb * 1000),
        tr("peak memory, MB"): (
            lambda r: r.memory.value / 1e6 if r.memory else None,
            lambda study: study.memory_mib * 2**20 / 1e6,
        ),
        tr("latency, µs"): (lambda r: r.latency.value if r.latency else None, lambda study: study.latency_us),
    }
    accuracies = list(metrics)[:2]
    found = {r.point: r for r in results}
    pairs = [
        (found[base], r)
        for r in results
        for base in [Point(r.cell.architecture, 0, "float32")]
        if base in found and not r.cell.sparsity and r.cell.precision != "float32"
    ]
    rows, preset = Rows(), material.run.preset
    for metric, (own, theirs) in metrics.items():
        for base, quantized in pairs:
            values = own(base), own(quantized)
            study = studied.theirs(preset, base.point), studied.theirs(preset, quantized.point)
            change = _change_row(metric, quantized.cell, values, tr("this run"))
            each = _each_training(material, base.point, quantized.point, own) if metric in accuracies else []
            trainings = [row for pair in each for row in _change_row(metric, quantized.cell, pair, tr("one training"))]
            rows += [*(_over_trainings(row, trainings) for row in change), *trainings]
            if theirs and study[0] and study[1]:
                rows += _change_row(metric, quantized.cell, (theirs(study[0]), theirs(study[1])), tr("published"))
    return rows


def _each_training(material: Material, base: Point, quantized: Point, of: Metric) -> list[tuple[float | None, float | None]]:
    """A metric before and after, of each of several trainings."""
    before = {r.cell.seed: of(r) for r in material.trainings(base)}
    after = {r.cell.seed: of(r) for r in material.trainings(quantized)}
    return [(before[seed], after[seed]) for seed in before if seed in after] if len(before) > 1 else []


def _over_trainings(row: Row, trainings: Rows) -> Row:
    """The row with the mean change of its trainings, each against its own network, and Student's interval."""
    changes = [float(one["change"] or 0) for one in trainings]
    ends = mean_interval(changes)
    return row | {"change": known(fmean(changes)), "low": ends[0], "high": ends[1]} if ends else row


def _change_row(metric: str, cell: Cell, values: tuple[float | None, float | None], source: str) -> Rows:
    before, after = values
    if not before or after is None:
        return []
    row = {
        "metric": metric,
        **cell_row(cell),
        "before": before,
        "after": after,
        "change": known(after / before) - 1,
        "source": source,
    }
    return [row]


def _change_bars(
    fields: dict[str, Field],
    present: list[str],
    names: list[str],
    metrics: list[str],
    sources: tuple[str, str, str],
    found: list[str],
) -> alt.FacetChart:
    """`sources` are the names of this run's values, of published ones, and of those of one training; `found` are those that
    there are."""
    own, published_source, training = sources
    base = alt.Chart().encode(
        x=alt.X("change:Q", title=fields["change"].header, axis=alt.Axis(format="+.0%", tickCount=3)),
        y=alt.Y("architecture:N", sort=names, title=None, axis=alt.Axis(grid=False)),
        yOffset=alt.YOffset("precision:N", scale=alt.Scale(domain=present, paddingInner=0.2)),
    )
    theirs = base.transform_filter(alt.datum.source == published_source).mark_point(
        shape="diamond", size=70, color="currentColor", opacity=1
    )
    theirs = theirs.encode(tooltip=drawing.tooltip(fields))
    bar = (
        base.transform_filter(alt.datum.source == own)
        .mark_bar()
        .encode(
            color=precision_colour(fields, present),
            tooltip=drawing.tooltip(fields),
        )
    )
    zero = alt.Chart().mark_rule(opacity=0.5, color=drawing.GREY).encode(x=alt.datum(0))
    each = base.transform_filter(alt.datum.source == training).mark_point(size=14, color="currentColor", opacity=0.8)
    each = each.encode(tooltip=drawing.tooltip(fields))
    interval = base.mark_rule(color="currentColor", strokeWidth=1.5).transform_filter("isValid(datum.low)")
    interval = interval.encode(x=alt.X("low:Q", title=fields["change"].header), x2="high:Q")
    above = ((interval, training), (theirs, published_source), (each, training))
    layers = [bar, zero, *(layer for layer, source in above if source in found)]
    layered = drawing.layered(*layers, width=WIDTH - 60, height=alt.Step(18))
    return drawing.facets(layered, "metric", metrics)


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
            color=precision_colour(fields, present),
            tooltip=drawing.tooltip(fields),
        )
        .properties(width=WIDTH, height=alt.Step(10))
    )
    chart = drawing.facets(tick, "architecture", labels(material.results))
    chart = chart.resolve_scale(x="independent")
    title = tr("Latencies of single inferences, by cell")
    caption = tr(
        "Each line is one inference; of at most {processes} processes {kept} of all, at even ranks.",
        processes=_PROCESSES, kept=_KEPT,
    )  # fmt: skip
    return drawing.figure(
        "latencies", chart, title, f"{caption} {captions.latency(comparable(material.results), language)}", data, fields
    )


_KEPT = 9
_PROCESSES = 5


def _samples(material: Material) -> Rows:
    return [
        {
            "architecture": architectures.label(r.cell.architecture),
            "cell": compression(r.cell),
            "precision": r.cell.precision,
            "process": process,
            "latency_us": latency_us,
        }
        for r in comparable(material.results)
        if r.latency
        for process, samples_us in _some(list(enumerate(r.latency.processes, 1)))
        for latency_us in thinned(samples_us)
    ]


def _some(processes: list[tuple[int, tuple[float, ...]]]) -> list[tuple[int, tuple[float, ...]]]:
    """At most `_PROCESSES` of all, evenly over the trainings that they are of."""
    step = max(1, len(processes) // _PROCESSES)
    return processes[::step][:_PROCESSES]


def thinned(values: Sequence[float], kept: int = _KEPT) -> list[float]:
    """At most `kept` of the values, sorted: the smallest, the largest, and those at even ranks between."""
    ordered = sorted(values)
    if len(ordered) <= kept:
        return ordered
    return [ordered[round(index * (len(ordered) - 1) / (kept - 1))] for index in range(kept)]
