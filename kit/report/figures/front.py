"""The picture that answers which network to take: accuracy against what it costs, with those that no other one beats."""

from __future__ import annotations

import altair as alt

from kit.analysis.front import COSTS, Choice, Cost, choices, front
from kit.analysis.material import Material
from kit.report import captions
from kit.report.figures import drawing
from kit.report.figures.drawing import Field, Figure, Row, Rows
from kit.report.figures.parts import labels, nominal_fields, nominal_row, precision_shape, precisions
from kit.report.language import Language
from kit.study.architectures import ARCHITECTURES

KEY = "which-network"
_HITS = "hits"  # names of the cells that a reader's limits leave; null: no limits
_LABELS = [known.label for known in ARCHITECTURES.values()]


def which_network(material: Material, language: Language) -> Figure | None:
    """Top-1 against size, size after gzip and latency, a panel each, with the Pareto front."""
    tr, found, n = language.tr, choices(material), len(material.run.preset.seeds)
    rows = [row for what in COSTS for row in _rows(found, what, language)]
    if not rows:
        return None
    fields = {
        "kind": Field(tr("what is counted")),
        **nominal_fields(language),
        "cost": Field(tr("cost"), ",.1f"),
        "top1": Field(tr("top-1"), ".4f"),
        "front": Field(tr("on the front")),
    }
    if n > 1:
        fields |= {"low": Field(tr("interval from"), ".4f"), "high": Field(tr("to"), ".4f")}
    results = [one.result for one in found]
    caption = " ".join(
        (
            tr("The line joins the cells that no other cell beats in both."),
            captions.accuracy(results, language, n),
            captions.sizes(language),
            captions.latency(results, language),
        )
    )
    kinds = drawing.texts(rows, "kind")
    chart = drawing.facets(_chart(fields, tr("yes"), labels(results), precisions(results)), "kind", kinds)
    chart = chart.resolve_scale(x="independent").add_params(alt.param(name=_HITS, value=None))
    title = tr("Which network? Top-1 against size and latency, and the Pareto front")
    return drawing.figure(KEY, chart, title, caption.strip(), rows, fields)


def cost_name(what: Cost, language: Language) -> str:
    tr = language.tr
    return {"file_kb": tr("file size, kB"), "gzip_kb": tr("gzip size, kB"), "latency_us": tr("latency, µs")}[what]


def _rows(found: list[Choice], what: Cost, language: Language) -> Rows:
    """Each point, whether it is on the front, and each of several trainings."""
    best, rows = front(found, what), Rows()
    for one in found:
        cost = one.cost(what)
        if cost is None:
            continue
        is_best = language.tr("yes") if one in best else language.tr("no")
        same: Row = {"cell": one.point.name, "kind": cost_name(what, language), **nominal_row(one.point), "cost": cost}
        several = len(one.top1.values) > 1
        ends = {"low": one.top1.low, "high": one.top1.high} if several else {}
        rows.append({**same, "top1": one.top1.mean, "front": is_best, **ends})
        if several:
            rows += [{**same, "top1": value, "front": language.tr("one training")} for value in one.top1.values]
    return rows


def _chart(fields: dict[str, Field], on_front: str, names: list[str], present: list[str]) -> alt.LayerChart:
    scale, title = alt.Scale(zero=False), fields["top1"].header
    base = alt.Chart().encode(
        x=alt.X(
            "cost:Q",
            title=None,
            scale=alt.Scale(type="log", nice=False, padding=14),
            axis=alt.Axis(format=",.0f", tickCount=4),
        ),
        y=alt.Y("top1:Q", title=title, axis=alt.Axis(format="%"), scale=scale),
    )
    colour = drawing.colour("architecture", fields["architecture"].header, names, _LABELS)
    line = base.mark_line(strokeWidth=1.5, opacity=0.6, color=drawing.GREY).transform_filter(alt.datum.front == on_front)
    is_hit = alt.condition(f"{_HITS} === null || indexof({_HITS}, datum.cell) >= 0", alt.value(0.9), alt.value(0.08))
    point = base.mark_point(size=55, strokeWidth=1.8).encode(
        color=colour,
        opacity=is_hit,
        shape=precision_shape(fields, present).legend(orient="bottom"),
        tooltip=drawing.tooltip(fields),
    )
    if "low" not in fields:
        return drawing.layered(line, point, width=250, height=240)
    is_mean = "isValid(datum.low)"
    interval = base.mark_rule(opacity=0.5).transform_filter(is_mean)
    interval = interval.encode(
        y=alt.Y("low:Q", title=title, axis=alt.Axis(format="%"), scale=scale), y2="high:Q", color=colour
    )
    each = base.mark_circle(size=9, opacity=0.5).transform_filter(f"!{is_mean}").encode(color=colour)
    return drawing.layered(line, interval, each, point.transform_filter(is_mean), width=250, height=240)
