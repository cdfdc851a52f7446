"""The figure of all published values against this run's own."""

from __future__ import annotations

from typing import get_args

import altair as alt

from kit.analysis.counted import Quantity
from kit.analysis.material import Material
from kit.analysis.pairs import Pair, pairs
from kit.report.figures import drawing
from kit.report.figures.drawing import Field, Figure, Rows
from kit.report.figures.parts import labels, nominal_fields, nominal_row, precision_shape, precisions
from kit.report.language import Language
from kit.report.tables.study import quantity_name
from kit.study.architectures import ARCHITECTURES

_NO_PANEL = ("parameters", "nonzero", "achieved_sparsity", "train_top1")
_QUANTITIES: tuple[Quantity, ...] = tuple(quantity for quantity in get_args(Quantity) if quantity not in _NO_PANEL)


def beside(material: Material, language: Language) -> Figure | None:
    """Each published value against the own one, a panel for each quantity; on the line the two are equal."""
    tr = language.tr
    data = _rows(material, language)
    if not data:
        return None
    fields = {
        "quantity": Field(tr("quantity")),
        **nominal_fields(language),
        "published": Field(tr("published"), ",.4g"),
        "own": Field(tr("own value"), ",.4g"),
    }
    if len(material.run.preset.seeds) > 1:
        fields |= {"single": Field(tr("single training"), ",.4g")}
        fields |= {"low": Field(tr("interval from"), ",.4g"), "high": Field(tr("to"), ",.4g")}
    title = tr("Published values against this run's own, all cells")
    caption = tr(
        "Each point is one cell; on the line both are equal. Accuracies count ties as the study did, where the run tells "
        "them. Absolute times and memory compare on a Raspberry Pi 4 only, their ratios to the trained network's float32 "
        "file on any machine."
    )
    if "low" in fields:
        caption += " " + tr(
            "Own values are means over trainings, with Student's 95 % interval of the mean; small points are single "
            "trainings."
        )
    kinds = drawing.texts(data, "quantity")
    chart = drawing.facets(_chart(fields, material), "quantity", kinds)
    chart = chart.resolve_scale(x="independent", y="independent")
    return drawing.figure("published-own", chart, title, caption, data, fields)


def _rows(material: Material, language: Language) -> Rows:
    found = pairs(material.concluded)
    return [
        {"quantity": quantity_name(pair.quantity, language), **nominal_row(point), "published": pair.published, **own_row}
        for quantity in _QUANTITIES
        for point, own in found.items()
        if (pair := own.get(quantity)) and pair.values
        for own_row in _own_rows(pair)
    ]


def _own_rows(pair: Pair) -> Rows:
    """The own value; of several trainings the mean with its interval, and each of them."""
    if len(pair.values) == 1:
        return [{"own": pair.own}]
    low, high = pair.interval or (pair.own, pair.own)
    singles: Rows = [{"single": value} for value in pair.values]
    return [{"own": pair.own, "low": low, "high": high}, *singles]


def _chart(fields: dict[str, Field], material: Material) -> alt.LayerChart:
    axis, scale = alt.Axis(format=",~r", tickCount=4), alt.Scale(zero=False, nice=False, padding=8)
    base = alt.Chart().encode(
        x=alt.X("published:Q", title=fields["published"].header, axis=axis, scale=scale),
        y=alt.Y("own:Q", title=fields["own"].header, axis=axis, scale=scale),
    )
    equal = base.mark_line(strokeWidth=1, opacity=0.6, color=drawing.GREY).encode(y=alt.Y("published:Q"))
    order = [known.label for known in ARCHITECTURES.values()]
    point = base.mark_point(size=45, opacity=0.9, strokeWidth=1.5).encode(
        color=drawing.colour("architecture", fields["architecture"].header, labels(material.results), order),
        shape=precision_shape(fields, precisions(material.results)).legend(orient="bottom"),
        tooltip=drawing.tooltip(fields),
    )
    layers = [equal, point]
    if "low" in fields:
        interval = base.mark_rule(opacity=0.6).encode(
            y=alt.Y("low:Q", title=fields["own"].header, axis=axis, scale=scale), y2="high:Q", color=point.encoding.color
        )
        single = base.mark_point(size=10, opacity=0.7, filled=True).encode(
            y=alt.Y("single:Q", title=fields["own"].header, axis=axis, scale=scale),
            color=point.encoding.color,
            tooltip=drawing.tooltip(fields),
        )
        layers[1:1] = [interval, single]
    return drawing.layered(*layers, width=drawing.WIDTH, height=drawing.HEIGHT)
