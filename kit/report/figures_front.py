"""Figures of accuracy against what it costs, with the cells that no other cell beats."""

from __future__ import annotations

from typing import Any

import altair as alt

from kit.report import drawing, notes
from kit.report.drawing import Field, Figure, Rows
from kit.report.figures_accuracy import labels, precisions
from kit.report.language import Language
from kit.report.material import Material
from kit.report.results import Result, comparable
from kit.study.architectures import ARCHITECTURES, architecture
from kit.study.cells import PRECISIONS

_LABELS = [known.label for known in ARCHITECTURES.values()]


def by_size(material: Material, language: Language) -> Figure | None:
    """Top-1 against the size of the file and of the file after gzip."""
    tr = language.tr
    found = [r for r in material.results if r.test and r.size_bytes and r.gzip_bytes]
    data = [
        *_front([_point(r, (r.size_bytes or 0) / 1000, tr("file as it is")) for r in found]),
        *_front([_point(r, (r.gzip_bytes or 0) / 1000, tr("file after gzip")) for r in found]),
    ]
    note = f"{notes.accuracy(found, language)} {notes.sizes(language)}"
    return _figure(
        "top1-by-size", tr("Top-1 accuracy against size, and the Pareto front"), tr("size, kB"), note, data, found, language
    )


def by_latency(material: Material, language: Language) -> Figure | None:
    """Top-1 against the median latency."""
    tr = language.tr
    found = [r for r in comparable(material.results) if r.test and r.latency]
    data = _front([_point(r, r.latency.spread.median, tr("median latency")) for r in found if r.latency])
    note = f"{notes.accuracy(found, language)} {notes.latency(found, language)}"
    title = tr("Top-1 accuracy against latency, and the Pareto front")
    return _figure("top1-by-latency", title, tr("latency, µs"), note, data, found, language)


def _point(r: Result, cost: float, kind: str) -> dict[str, Any]:
    assert r.test is not None
    return {
        "kind": kind,
        "architecture": architecture(r.cell.architecture).label,
        "sparsity": f"{r.cell.sparsity} %",
        "precision": r.cell.precision,
        "cost": cost,
        "top1": r.test.top1,
    }


def _front(points: Rows) -> Rows:
    """The points, and whether each is on the front: none other is as accurate and cheaper, or more accurate and as cheap."""
    return [point | {"front": not any(_beats(other, point) for other in points)} for point in points]


def _beats(other: dict[str, Any], point: dict[str, Any]) -> bool:
    no_worse = other["top1"] >= point["top1"] and other["cost"] <= point["cost"]
    return bool(no_worse and (other["top1"] > point["top1"] or other["cost"] < point["cost"]))


def _figure(
    key: str, title: str, cost: str, note: str, data: Rows, found: list[Result], language: Language
) -> Figure | None:
    if not data:
        return None
    tr = language.tr
    fields = {
        "kind": Field(tr("what is counted")),
        "architecture": Field(tr("architecture")),
        "sparsity": Field(tr("nominal sparsity")),
        "precision": Field(tr("precision")),
        "cost": Field(cost, ",.1f"),
        "top1": Field(tr("top-1"), ".4f"),
        "front": Field(tr("on the front")),
    }
    rows = [row | {"front": tr("yes") if row["front"] else tr("no")} for row in data]
    caption = tr("The line joins the cells that no other cell beats in both.") + " " + note
    chart = _chart(fields, tr("yes"), labels(found), precisions(found))
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    return drawing.figure(key, drawing.facets(chart, "kind", kinds, columns=2), title, caption, rows, fields)


def _chart(fields: dict[str, Field], on_front: str, names: list[str], present: list[str]) -> Any:
    base = alt.Chart().encode(
        x=alt.X(
            "cost:Q",
            title=fields["cost"].header,
            scale=alt.Scale(type="log", nice=False, padding=20),
            axis=alt.Axis(format=",.0f", tickCount=4),
        ),
        y=alt.Y("top1:Q", title=fields["top1"].header, axis=alt.Axis(format="%"), scale=alt.Scale(zero=False)),
    )
    line = base.mark_line(strokeWidth=1.5, opacity=0.6, color=drawing.GREY).transform_filter(alt.datum.front == on_front)
    point = base.mark_point(size=60, opacity=0.9, strokeWidth=1.8).encode(
        color=drawing.colour("architecture", fields["architecture"].header, names, _LABELS),
        shape=drawing.shape("precision", fields["precision"].header, present, list(PRECISIONS)).legend(orient="bottom"),
        tooltip=drawing.tooltip(fields),
    )
    return alt.layer(line, point).properties(width=320, height=240)
