"""The figure of accuracy against sparsity."""

from __future__ import annotations

import altair as alt

from kit.analysis.descriptive import wilson
from kit.analysis.evidence import STUDIED_DATASET
from kit.analysis.material import Material
from kit.analysis.results import Result
from kit.report import captions
from kit.report.figures import drawing
from kit.report.figures.drawing import HEIGHT, WIDTH, Field, Figure, Row, Rows
from kit.report.figures.parts import (
    achieved_field,
    against_sparsity,
    cell_fields,
    cell_row,
    labels,
    precision_shape,
    precisions,
)
from kit.report.language import Language
from kit.study.published import published


def by_sparsity(material: Material, language: Language) -> Figure | None:
    """Top-1 against the sparsity that was reached, one line for each precision."""
    tested = [r for r in material.results if r.test and r.achieved_sparsity is not None]
    if not tested:
        return None
    tr = language.tr
    fields = {
        **cell_fields(language),
        **achieved_field(language),
        "top1": Field(tr("top-1"), ".4f"),
        "low": Field(tr("interval from"), ".4f"),
        "high": Field(tr("to"), ".4f"),
        "source": Field(tr("source")),
    }
    data = [row for r in tested for row in _accuracy_rows(r, material, language)]
    sources = (tr("this run"), tr("published"), tr("this run, ties as the study counted them"), tr("one training"))
    has_published, has_ties, has_trainings = (any(row["source"] == source for row in data) for source in sources[1:])
    marks = {sources[1]: ("diamond", 110)} if has_published else {}
    marks |= {sources[2]: ("cross", 60)} if has_ties else {}
    marks |= {sources[3]: ("circle", 14)} if has_trainings else {}
    chart = drawing.facets(_accuracy_lines(fields, precisions(tested), sources[0], marks), "architecture", labels(tested))
    title = tr("Top-1 accuracy against achieved sparsity, by architecture and precision")
    caption = captions.accuracy(tested, language, len(material.run.preset.seeds)) + captions.diamonds(
        has_published, language
    )
    if has_ties:
        caption += " " + tr("Crosses count ties as the study did: only they compare with its diamonds.")
    return drawing.figure("top1-by-sparsity", chart, title, caption, data, fields)


def _accuracy_rows(r: Result, material: Material, language: Language) -> Rows:
    """The cell's own accuracy, that of each of several trainings and, where the study published one for it on the same
    images, that, and the own one counted as the study did."""
    own = material.top1(r.point)
    assert r.test is not None and own is not None
    rows = [_accuracy_row(r, own.mean, (own.low, own.high), language.tr("this run"))]
    if len(own.values) > 1:
        rows += [_accuracy_row(r, value, None, language.tr("one training")) for value in own.values]
    theirs = published().of(r.point)
    if theirs is None or material.run.preset.dataset != STUDIED_DATASET:
        return rows
    if r.test.tied and r.test.studied:
        source = language.tr("this run, ties as the study counted them")
        counted, n = r.test.studied.top1, r.test.n
        ends = wilson(round(counted * n), n) if len(own.values) == 1 else None
        rows.append(_accuracy_row(r, counted, ends, source))
    n = published().test_images
    ends, source = wilson(round(theirs.top1 * n), n), language.tr("published")
    rows.append(_accuracy_row(r, theirs.top1, ends, source, theirs.achieved_sparsity))
    return rows


def _accuracy_row(
    r: Result, top1: float, ends: tuple[float | None, float | None] | None, source: str, sparsity: float | None = None
) -> Row:
    """`ends` are those of the interval; None where none is drawn."""
    low, high = ends or (top1, top1)
    return {
        **cell_row(r.cell),
        "sparsity": r.achieved_sparsity if sparsity is None else sparsity,
        "top1": top1,
        "low": low,
        "high": high,
        "source": source,
    }


def _accuracy_lines(
    fields: dict[str, Field], present: list[str], own: str, marks: dict[str, tuple[str, int]]
) -> alt.LayerChart:
    """`own` is the name of this run's values; `marks` has shape and size of the points of the others that are there."""
    base, axis = against_sparsity(fields, present), alt.Axis(format="%", tickCount=5)
    low, y = (alt.Y(f"{name}:Q", title=fields["top1"].header, axis=axis) for name in ("low", "top1"))
    interval = base.mark_rule(opacity=0.6).encode(y=low, y2="high:Q")
    line = base.transform_filter(alt.datum.source == own).mark_line(strokeWidth=1.5).encode(y=y)
    others = [
        base.transform_filter(alt.datum.source == source)
        .mark_point(shape=shape, size=size, strokeWidth=1.5, opacity=1)
        .encode(y=y, tooltip=drawing.tooltip(fields))
        for source, (shape, size) in marks.items()
    ]
    point = (
        base.transform_filter(alt.datum.source == own)
        .mark_point(filled=True, size=45, opacity=1)
        .encode(y=y, shape=precision_shape(fields, present), tooltip=drawing.tooltip(fields))
    )
    return drawing.layered(interval, line, *others, point, width=WIDTH, height=HEIGHT)
