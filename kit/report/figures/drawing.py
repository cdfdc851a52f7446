"""How figures look and how they are drawn: one Vega-Lite specification, as an SVG file and as an interactive figure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from importlib import metadata

import altair as alt
import msgspec
from msgspec import Struct

from kit.analysis.digits import known
from kit.report.figures import engine
from kit.report.language import Language

# Okabe and Ito's colours (2008), two of them darkened: each has a contrast of 3:1 or more on white and on the dark page.
BLUE, VERMILION, GREEN, PURPLE, OCHRE, SKY, GREY = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#B7689A",
    "#A87400",
    "#2C8FC4",
    "#808080",
)
COLOURS = [BLUE, VERMILION, GREEN, PURPLE, OCHRE, SKY, GREY]
SHAPES = ["circle", "square", "triangle-up", "cross", "diamond", "triangle-down", "triangle-right"]
WIDTH, HEIGHT, COLUMNS = 200, 150, 3

Row = dict[str, str | float | None]  # what one mark shows, by the names of its fields
Rows = list[Row]
Chart = alt.Chart | alt.LayerChart


class Field(Struct, frozen=True):
    """One field of a figure's rows: its header, and how its numbers are written (`""` for text)."""

    header: str
    format: str = ""


class Figure(Struct, frozen=True):
    """One figure. `title` says what one sees, `caption` n, spread and where it was measured.

    `specification` is Vega-Lite; `data` has the rows that it draws, and `fields` those of their fields that are shown.
    """

    key: str
    title: str
    caption: str
    specification: dict[str, object]
    data: Rows
    fields: dict[str, Field]


def figure(key: str, chart: alt.FacetChart, title: str, caption: str, data: Rows, fields: dict[str, Field]) -> Figure:
    """A figure of an Altair chart over `data`, its numbers rounded to their known digits."""
    data = known(data)
    chart = chart.properties(data=alt.InlineData(values=data), description=title)
    return Figure(key, title, caption, known(chart.properties(config=_config()).to_dict(validate=False)), data, fields)


def texts(rows: Rows, name: str) -> list[str]:
    """The different texts of a field, in the order of the rows."""
    return list(dict.fromkeys(str(row[name]) for row in rows))


def layered(*charts: alt.Chart, width: int | alt.Step, height: int | alt.Step) -> alt.LayerChart:
    """The charts on top of one another."""
    return alt.LayerChart(layer=list(charts), width=width, height=height)


def tooltip(fields: dict[str, Field]) -> list[alt.Tooltip]:
    """What the pointer shows of a row: all its fields."""
    return [
        alt.Tooltip(f"{name}:Q", title=field.header, format=field.format)
        if field.format
        else alt.Tooltip(f"{name}:N", title=field.header)
        for name, field in fields.items()
    ]


def colour(name: str, title: str, domain: list[str], order: list[str]) -> alt.Color:
    """A colour for each of `domain`; the place in `order`, or after it, decides which: it is the same in all figures."""
    order = [*order, *(value for value in domain if value not in order)]
    used = [COLOURS[order.index(value) % len(COLOURS)] for value in domain]
    return alt.Color(f"{name}:N", title=title, scale=alt.Scale(domain=domain, range=used))


def shape(name: str, title: str, domain: list[str], order: list[str]) -> alt.Shape:
    """A shape for each of `domain`, so that no figure needs its colours."""
    used = [SHAPES[order.index(value) % len(SHAPES)] for value in domain]
    return alt.Shape(f"{name}:N", title=title, scale=alt.Scale(domain=domain, range=used))


def facets(chart: Chart, name: str, order: list[str], columns: int = COLUMNS) -> alt.FacetChart:
    """The chart once for each value of the field `name`, side by side; `figure` gives it the data."""
    header = alt.Header(title=None, labelFontSize=12, labelFontWeight="bold")
    facet = alt.Facet(f"{name}:N", sort=order, header=header)
    return chart.facet(data=alt.InlineData(values=[]), facet=facet, columns=min(columns, len(order)))


def svgs(figures: Mapping[str, Figure], language: Language, drawn: Mapping[str, str]) -> dict[str, str]:
    """Figures by their names in the page as SVG text, each with its digest at the end. They have no background, and what is
    black or white in them is the page's own text colour. `drawn` has the texts of an earlier report: one is taken if its
    digest says that nothing has changed. Raises KitError if the engine that draws cannot.
    """
    digests = {name: _digest(name, figure, language) for name, figure in figures.items()}
    kept = {name: text for name, text in drawn.items() if name in digests and text.endswith(digests[name])}
    left = {name: figure.specification for name, figure in figures.items() if name not in kept}
    made = dict(zip(left, engine.svgs(list(left.values()), locale(language)), strict=True))
    # Vega numbers the gradients of a process.
    new = {name: re.sub(r"gradient_\d+", f"gradient-{name}", text) + digests[name] for name, text in made.items()}
    return {name: (kept | new)[name] for name in figures}


def _digest(name: str, figure: Figure, language: Language) -> str:
    decided_by = msgspec.json.encode([name, figure.specification, locale(language), metadata.version("vl-convert-python")])
    return f"<!-- specification {hashlib.sha256(decided_by).hexdigest()} -->"


def locale(language: Language) -> dict[str, object]:
    """Number formats of the axes, as d3-format wants them."""
    decimal, thousands = language.number(0.5, ".1f")[1], language.number(1000, ",")[1]
    return {
        "decimal": decimal,
        "thousands": thousands,
        "grouping": [3],
        "currency": ["", "\N{NO-BREAK SPACE}€"],
        "percent": "\N{NO-BREAK SPACE}%",
    }


def _config() -> alt.Config:
    """Calm, without a frame, readable on light and dark: what is not data takes the page's text colour."""
    ink = {"labelColor": "currentColor", "titleColor": "currentColor"}
    title = {"titleFontSize": 11, "titleFontWeight": "normal"}
    axis = {"domain": False, "ticks": False, "labelPadding": 5, "titlePadding": 8, "gridColor": "currentColor"}
    legend = {"orient": "top", "labelLimit": 400, "columnPadding": 28, "columns": 4, "symbolOpacity": 1}
    return alt.Config(
        background="transparent",
        font="Helvetica, Arial, sans-serif",
        view={"stroke": None},
        axis={**ink, **title, **axis, "labelFontSize": 11, "gridOpacity": 0.15},
        header=ink,
        legend={**ink, **title, **legend, "labelFontSize": 11},
        padding={"left": 20, "right": 16, "top": 5, "bottom": 5},
        title={"color": "currentColor"},
        aria=False,
    )
