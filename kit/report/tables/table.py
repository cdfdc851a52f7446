"""What a table is: its cells with the numbers and records behind them, and how numbers are written in one."""

from __future__ import annotations

import math

from msgspec import Struct
from msgspec.structs import replace

from kit.analysis.measurement import Measurement
from kit.analysis.results import Result
from kit.report.language import Language
from kit.study.grid import Cell, Point

MISSING = "–"


class Value(Struct, frozen=True):
    """The content of one cell of a table.

    `number` is the figure in the column's unit, with the digits that are known: the page sorts by it. `record` is the path
    in the run of the record that it comes from. `tone` is `up`, `down`, or a verdict's outcome: a page may colour it, the
    text says it too.
    """

    text: str
    number: float | None = None
    record: str = ""
    tone: str = ""


class TableRow(Struct, frozen=True):
    """`cell` is what the row is about, if it is about one: a page filters by it."""

    values: list[Value]
    cell: Cell | Point | None = None

    @property
    def is_missing(self) -> bool:
        """Whether it has nothing but its name."""
        return all(value.text == MISSING for value in self.values[1:])


class Table(Struct, frozen=True):
    """`note` says n, spread and where it was measured. `key` is the table's name in links; a long one may be folded.

    `groups` stand above the headers, each a title and how many headers it spans; there may be none.
    """

    key: str
    title: str
    note: str
    headers: list[str]
    rows: list[TableRow]
    is_long: bool = False
    groups: list[tuple[str, int]] = []

    @property
    def flat_headers(self) -> list[str]:
        """The headers with their groups' titles before them."""
        titles = [title for title, span in self.groups for _ in range(span)] or [""] * len(self.headers)
        return [f"{title}: {header}" if title else header for title, header in zip(titles, self.headers, strict=True)]

    def without(self, columns: set[int]) -> Table:
        """The table without some of its columns, by their places."""
        kept = [place for place in range(len(self.headers)) if place not in columns]
        rows = [TableRow([row.values[place] for place in kept], row.cell) for row in self.rows]
        return replace(self, headers=[self.headers[place] for place in kept], rows=rows)

    def texts(self) -> list[list[str]]:
        """The table as text alone."""
        return [[value.text for value in row.values] for row in self.rows]


def number(language: Language, value: float | None, spec: str, record: str = "", around: str = "", tone: str = "") -> Value:
    """`value` by `spec`, then ` ` and the text `around` it; a dash where there is none."""
    if value is None or math.isnan(value):
        return Value(MISSING)
    text = language.number(value, spec)
    return Value(f"{text} {around}" if around else text, value, record, tone)


def interval(measured: Measurement, spec: str, unit: float, language: Language) -> str:
    """A measurement in units of `unit`, and its interval where it has one."""
    text = language.number(measured.value / unit, spec)
    if measured.interval is None:
        return text
    low, high = measured.interval
    return f"{text} {brackets(low / unit, high / unit, spec, language)}"


def marks(r: Result, language: Language) -> str:
    """Marks that must not be overlooked next to a latency."""
    emulated = language.tr("(emulated)") if r.latency and r.latency.series.origin == "emulated" else ""
    invalid = language.tr("(invalid)") if r.latency and not r.latency.is_valid else ""
    return f"{emulated} {invalid}".strip()


def brackets(low: float, high: float, spec: str, language: Language) -> str:
    """An interval; where the comma is a decimal sign, a semicolon parts its ends."""
    between = "; " if language.number(0.5, ".1f") != "0.5" else ", "
    return f"[{language.number(low, spec)}{between}{language.number(high, spec)}]"


def marked(r: Result, language: Language, name: str = "") -> str:
    """The cell's name, or another one of it, marked if figures of it are left out."""
    mark = language.tr("(stale)")
    return f"{name or r.cell.name} {mark}" if r.stale else name or r.cell.name
