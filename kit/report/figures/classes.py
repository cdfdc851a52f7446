"""The figure of what compression does to each class, and whether it does the same in each training."""

from __future__ import annotations

import statistics

import altair as alt

from kit.analysis.concordance import concordance
from kit.analysis.descriptive import wilson
from kit.analysis.digits import known
from kit.analysis.material import Material
from kit.report.figures import drawing
from kit.report.figures.drawing import Field, Figure, Rows
from kit.report.figures.parts import labels
from kit.report.language import Language
from kit.report.tables.classes import concordance_note
from kit.study import architectures, datasets
from kit.study.grid import Point

_W = "W"  # the column of Kendall's coefficient


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
        "w": Field(tr("Kendall's W"), ".2f"),
    }
    if len(material.run.preset.seeds) < 2:
        del fields["w"]
    order = drawing.texts(data, "change")
    title = tr("Change of the top-1 accuracy of each class by pruning and by quantization")
    caption = tr(
        "Percentage points against the unpruned float32 network; {each} test images of each class, so a change of less than "
        "{noise} points may be chance.",
        each=_images_per_class(material), noise=_noise_points(material),
    )  # fmt: skip
    columns = list(datasets.get(material.run.preset.dataset).classes)
    if "w" in fields:
        columns.append(_W)
        caption += " " + concordance_note(language)
    chart = _heat_map(fields, order, columns, _largest(data))
    labelled = drawing.facets(chart, "architecture", labels(material.results), columns=2)
    return drawing.figure("top1-by-class", labelled, title, caption, data, fields)


def _images_per_class(material: Material) -> int:
    known = datasets.get(material.run.preset.dataset)
    return known.test_images // len(known.classes)


def _noise_points(material: Material) -> float:
    """Half the width of a 95 % interval around an accuracy of 0.7 of one class, in percentage points."""
    n = _images_per_class(material)
    low, high = wilson(round(0.7 * n), n)
    return round(50 * (high - low), 1)


def _largest(data: Rows) -> float:
    return max([1.0, *(abs(points) for row in data if isinstance(points := row["points"], float))])


def _class_rows(material: Material, language: Language) -> Rows:
    """Pruned float32 cells, and quantized cells that are not pruned, against the unpruned float32 one."""
    rows: Rows = []
    classes = datasets.get(material.run.preset.dataset).classes
    tested = [r.point for r in material.results if r.test]
    for point in tested:
        base = Point(point.architecture, 0, "float32")
        if base not in tested or (point.sparsity == 0) == (point.precision == "float32"):
            continue
        each = material.class_changes(point, base)
        same = {"architecture": architectures.label(point.architecture), "change": _treatment(point, language)}
        found = concordance(each)
        w = found.w if found else None
        rows += [
            {**same, "class": name, "points": 100 * statistics.fmean(changes), "w": w}
            for name, *changes in zip(classes, *each, strict=True)
        ]
        if w is not None:
            rows.append({**same, "class": _W, "points": None, "w": w})
    return rows


def _treatment(cell: Point, language: Language) -> str:
    if cell.sparsity:
        return language.tr("pruned to {sparsity} %", sparsity=cell.sparsity)
    return language.tr("quantized to {precision}", precision=cell.precision)


def _heat_map(fields: dict[str, Field], changes: list[str], classes: list[str], largest: float) -> alt.LayerChart:
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
    shown = base.transform_filter("isValid(datum.points)")
    square = shown.mark_rect().encode(color=colour, tooltip=drawing.tooltip(fields))
    ink = alt.condition(f"abs(datum.points) > {known(0.6 * largest)}", alt.value("white"), alt.value("black"))
    number = shown.mark_text(fontSize=9).encode(text=alt.Text("points:Q", format="+.0f"), color=ink)
    layers = [square, number]
    if "w" in fields:
        agreement = base.transform_filter(alt.datum["class"] == _W).mark_text(
            fontSize=9, fontWeight="bold", color="currentColor"
        )
        layers.append(agreement.encode(text=alt.Text("w:Q", format=".2f"), tooltip=drawing.tooltip(fields)))
    return drawing.layered(*layers, width=alt.Step(27), height=alt.Step(20))
