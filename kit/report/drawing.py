"""How figures look and how they are drawn: one Vega-Lite specification, as an SVG file and as an interactive figure."""

from __future__ import annotations

from typing import Any

import altair as alt
from msgspec import Struct

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

Rows = list[dict[str, Any]]


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
    specification: dict[str, Any]
    data: Rows
    fields: dict[str, Field]


def figure(key: str, chart: Any, title: str, caption: str, data: Rows, fields: dict[str, Field]) -> Figure:
    """A figure of an Altair chart over `data`."""
    chart = chart.properties(data=alt.InlineData(values=data), description=title)
    return Figure(key, title, caption, chart.configure(**_config()).to_dict(), data, fields)


def tooltip(fields: dict[str, Field]) -> list[alt.Tooltip]:
    """What the pointer shows of a row: all its fields."""
    return [
        alt.Tooltip(f"{name}:Q", title=field.header, format=field.format)
        if field.format
        else alt.Tooltip(f"{name}:N", title=field.header)
        for name, field in fields.items()
    ]


def colour(name: str, title: str, domain: list[str], order: list[str]) -> alt.Color:
    """A colour for each of `domain`; the place in `order` decides which, so that it is the same in all figures."""
    used = [COLOURS[order.index(value) % len(COLOURS)] for value in domain]
    return alt.Color(f"{name}:N", title=title, scale=alt.Scale(domain=domain, range=used))


def shape(name: str, title: str, domain: list[str], order: list[str]) -> alt.Shape:
    """A shape for each of `domain`, so that no figure needs its colours."""
    used = [SHAPES[order.index(value) % len(SHAPES)] for value in domain]
    return alt.Shape(f"{name}:N", title=title, scale=alt.Scale(domain=domain, range=used))


def facets(chart: Any, name: str, order: list[str], columns: int = COLUMNS, **resolve: str) -> Any:
    """The chart once for each value of the field `name`, side by side; `figure` gives it the data."""
    header = alt.Header(title=None, labelFontSize=12, labelFontWeight="bold")
    facet = alt.Facet(f"{name}:N", sort=order, header=header)
    made = chart.facet(data=alt.InlineData(values=[]), facet=facet, columns=min(columns, len(order)))
    return made.resolve_scale(**resolve) if resolve else made


def svg(figure: Figure, language: Language) -> str:
    """The figure as SVG text. It has no background, and what is black or white in it is the page's own text colour."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(figure.specification, format_locale=locale(language)))


def javascript() -> str:
    """Vega, Vega-Lite and vega-embed as one script that needs no network."""
    import vl_convert

    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


def locale(language: Language) -> dict[str, Any]:
    """Number formats of the axes, as d3-format wants them."""
    decimal, thousands = language.number(0.5, ".1f")[1], language.number(1000, ",")[1]
    return {
        "decimal": decimal,
        "thousands": thousands,
        "grouping": [3],
        "currency": ["", "\N{NO-BREAK SPACE}€"],
        "percent": "\N{NO-BREAK SPACE}%",
    }


def _config() -> dict[str, Any]:
    """Calm, without a frame, readable on light and dark: what is not data takes the page's text colour."""
    ink = {"labelColor": "currentColor", "titleColor": "currentColor"}
    return {
        "background": "transparent",
        "font": "Helvetica, Arial, sans-serif",
        "view": {"stroke": None},
        "axis": {
            **ink,
            "domain": False,
            "ticks": False,
            "labelPadding": 5,
            "labelFontSize": 11,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
            "titlePadding": 8,
            "gridColor": "currentColor",
            "gridOpacity": 0.15,
        },
        "header": ink,
        "legend": {
            **ink,
            "orient": "top",
            "labelFontSize": 11,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
            "labelLimit": 400,
            "columnPadding": 28,
            "columns": 4,
            "symbolOpacity": 1,
        },
        "padding": {"left": 20, "right": 16, "top": 5, "bottom": 5},
        "title": {"color": "currentColor"},
        "aria": False,
    }
