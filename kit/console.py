"""What the user sees: one place that decides between a terminal and a log, and prints foreign text as it is."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """A line for people and scripts: never wrapped, markup in it is not interpreted."""
    out.print(text, markup=False)


def show(table: Table) -> None:
    """A table; on something that is not a terminal it is as wide as its content."""
    if out.is_terminal:
        out.print(table, soft_wrap=False)
    else:
        Console(highlight=False, width=250).print(table, soft_wrap=False)


def complain(text: str) -> None:
    """The one line that says what is wrong and what to do next."""
    err.print("error:", text, style="red" if err.is_terminal else None, markup=False)


def print_json(content: bytes) -> None:
    sys.stdout.write(content.decode() + "\n")


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> Table:
    """A plain table; the first column is left-aligned, the others right-aligned. Text in it is not interpreted."""
    made = Table(box=None, pad_edge=False, caption=Text(caption) if caption else None, caption_justify="left")
    for index, header in enumerate(headers):
        made.add_column(Text(header), justify="right" if index else "left", no_wrap=True)
    for row in rows:
        made.add_row(*(Text(value) for value in row))
    return made


def duration(seconds: float) -> str:
    """`42 s`, `12 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
