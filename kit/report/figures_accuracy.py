"""Figures of accuracy: against sparsity, and by class."""

from __future__ import annotations

from typing import Any

import altair as alt

from kit.records.statistics import wilson
from kit.report import drawing, notes
from kit.report.drawing import HEIGHT, WIDTH, Field, Figure, Rows
from kit.report.ground import STUDIED_DATASET
from kit.report.language import Language
from kit.report.material import Material
from kit.report.results import Result
from kit.study.architectures import architecture
from kit.study.cells import PRECISIONS, Cell
from kit.study.datasets import dataset
from kit.study.published import published


def labels(results: list[Result]) -> list[str]:
    """The architectures' labels, in the order of the preset."""
    return list(dict.fromkeys(architecture(r.cell.architecture).label for r in results))


def precisions(results: list[Result]) -> list[str]:
    present = {r.cell.precision for r in results}
    return [precision for precision in PRECISIONS if precision in present]


def by_sparsity(material: Material, language: Language) -> Figure | None:
    """Top-1 against the sparsity that was reached, one line for each precision."""
    tested = [r for r in material.results if r.test and r.achieved_sparsity is not None]
    if not tested:
        return None
    tr = language.tr
    fields = {
        "architecture": Field(tr("architecture")),
        "precision": Field(tr("precision")),
        "sparsity": Field(tr("achieved sparsity"), ".4f"),
        "top1": Field(tr("top-1"), ".4f"),
        "low": Field(tr("interval from"), ".4f"),
        "high": Field(tr("to"), ".4f"),
        "source": Field(tr("source")),
    }
    data = [row for r in tested for row in _accuracy_rows(r, material, language)]
    has_published = len(data) > len(tested)
    chart = drawing.facets(
        _accuracy_lines(fields, precisions(tested), tr("this run"), has_published), "architecture", labels(tested)
    )
    title = tr("Top-1 accuracy against achieved sparsity, by architecture and precision")
    caption = notes.accuracy(tested, language) + notes.diamonds(has_published, language)
    return drawing.figure("top1-by-sparsity", chart, title, caption, data, fields)


def _accuracy_rows(r: Result, material: Material, language: Language) -> Rows:
    """The cell's own accuracy and, where the study published one for it on the same images, that."""
    assert r.test is not None
    own = _accuracy_row(r, r.test.top1, r.test.n, language.tr("this run"))
    theirs = published().of(r.cell)
    if theirs is None or material.run.preset.dataset != STUDIED_DATASET:
        return [own]
    return [own, _accuracy_row(r, theirs.top1, published().test_images, language.tr("published"))]


def _accuracy_row(r: Result, top1: float, n: int, source: str) -> dict[str, Any]:
    low, high = wilson(round(top1 * n), n)
    return {
        "architecture": architecture(r.cell.architecture).label,
        "precision": r.cell.precision,
        "sparsity": r.achieved_sparsity,
        "top1": top1,
        "low": low,
        "high": high,
        "source": source,
    }


def _accuracy_lines(fields: dict[str, Field], present: list[str], own: str, has_published: bool) -> Any:
    title, order = fields["precision"].header, list(PRECISIONS)
    base = alt.Chart().encode(
        x=alt.X("sparsity:Q", title=fields["sparsity"].header, axis=alt.Axis(format="%", tickCount=4)),
        color=drawing.colour("precision", title, present, order),
    )
    y: dict[str, Any] = {"title": fields["top1"].header, "axis": alt.Axis(format="%", tickCount=5)}
    interval = base.mark_rule(opacity=0.6).encode(y=alt.Y("low:Q", **y), y2="high:Q")
    line = base.transform_filter(alt.datum.source == own).mark_line(strokeWidth=1.5).encode(y=alt.Y("top1:Q", **y))
    theirs = base.transform_filter(alt.datum.source != own).mark_point(shape="diamond", size=110, strokeWidth=1.5, opacity=1)
    theirs = theirs.encode(y=alt.Y("top1:Q", **y), tooltip=drawing.tooltip(fields))
    point = (
        base.transform_filter(alt.datum.source == own)
        .mark_point(filled=True, size=45, opacity=1)
        .encode(
            y=alt.Y("top1:Q", **y),
            shape=drawing.shape("precision", title, present, order),
            tooltip=drawing.tooltip(fields),
        )
    )
    layers = (interval, line, theirs, point) if has_published else (interval, line, point)
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)


def by_class(material: Material, language: Language) -> Figure | None:
    """Change of each class's top-1 by pruning and by quantization, as a heat map."""
    tr = language.tr
    data = _class_rows(material, language)
    if not data:
        return None
    fields = {
        "architecture": Field(tr("architecture")),
        "change": Field(tr("what was done")),
        "class": Field(tr("class")),
        "points": Field(tr("change in percentage points"), "+.1f"),
    }
    order = list(dict.fromkeys(row["change"] for row in data))
    title = tr("Change of the top-1 accuracy of each class by pruning and by quantization")
    caption = tr(
        "Percentage points against the unpruned float32 network; {each} test images of each class, so a change of less than "
        "{noise} points may be chance.",
        each=_images_per_class(material), noise=_noise_points(material),
    )  # fmt: skip
    chart = _heat_map(fields, order, list(dataset(material.run.preset.dataset).classes), _largest(data))
    labelled = drawing.facets(chart, "architecture", labels(material.results), columns=2)
    return drawing.figure("top1-by-class", labelled, title, caption, data, fields)


def _images_per_class(material: Material) -> int:
    known = dataset(material.run.preset.dataset)
    return known.test_images // len(known.classes)


def _noise_points(material: Material) -> float:
    """Half the width of a 95 % interval around an accuracy of 0.7 of one class, in percentage points."""
    n = _images_per_class(material)
    low, high = wilson(round(0.7 * n), n)
    return round(50 * (high - low), 1)


def _largest(data: Rows) -> float:
    return max([1.0, *(float(abs(row["points"])) for row in data)])


def _class_rows(material: Material, language: Language) -> Rows:
    """Pruned float32 cells, and quantized cells that are not pruned, against the unpruned float32 one."""
    rows, classes = [], dataset(material.run.preset.dataset).classes
    tested = {r.cell: r.test for r in material.results if r.test}
    for cell, test in tested.items():
        base = tested.get(Cell(cell.architecture, 0, "float32"))
        if base is None or (cell.sparsity == 0) == (cell.precision == "float32"):
            continue
        text = _treatment(cell, language)
        rows += [
            {"architecture": architecture(cell.architecture).label, "change": text, "class": name, "points": 100 * (a - b)}
            for name, a, b in zip(classes, test.by_class, base.by_class, strict=True)
        ]
    return rows


def _treatment(cell: Cell, language: Language) -> str:
    if cell.sparsity:
        return language.tr("pruned to {sparsity} %", sparsity=cell.sparsity)
    return language.tr("quantized to {precision}", precision=cell.precision)


def _heat_map(fields: dict[str, Field], changes: list[str], classes: list[str], largest: float) -> Any:
    base = alt.Chart().encode(
        x=alt.X("class:N", sort=classes, title=None, axis=alt.Axis(labelAngle=-45, grid=False)),
        y=alt.Y("change:N", sort=changes, title=None, axis=alt.Axis(grid=False)),
    )
    colour = alt.Color(
        "points:Q",
        title=fields["points"].header,
        scale=alt.Scale(scheme="blueorange", domain=[-largest, largest], reverse=True),
        legend=alt.Legend(format="+.0f", gradientLength=200),
    )
    square = base.mark_rect().encode(color=colour, tooltip=drawing.tooltip(fields))
    ink = alt.condition(f"abs(datum.points) > {0.6 * largest}", alt.value("white"), alt.value("black"))
    number = base.mark_text(fontSize=9).encode(text=alt.Text("points:Q", format="+.0f"), color=ink)
    return alt.layer(square, number).properties(width=alt.Step(27), height=alt.Step(20))
