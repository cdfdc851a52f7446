"""What the user sees: the one place that decides between a terminal and a log, and prints foreign text verbatim."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

_WIDEST = 10_000  # characters: no table is as wide, so that none is cut off

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """A line for people and scripts: never wrapped, markup in it is not interpreted."""
    out.print(_harmless(text), markup=False)


def show(renderable: RenderableType) -> None:
    """A table as wide as its content: a narrower terminal wraps its lines, and nothing is cut off."""
    Console(highlight=False, width=_WIDEST).print(renderable)


def complain(text: str) -> None:
    """The one line that says what is wrong and what to do next."""
    err.print("error:", _harmless(text), style="red" if err.is_terminal else None, markup=False)


def _harmless(text: str) -> str:
    """Strip terminal control characters: some text comes from other machines."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "", text)


def harmless(text: str) -> Text:
    """The same for what is shown in another way."""
    return Text(_harmless(text))


def print_json(content: bytes) -> None:
    sys.stdout.write(content.decode() + "\n")


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A plain table; the first column is left-aligned, the others right-aligned. Text in it is not interpreted."""
    made = Table(box=None, pad_edge=False)
    for index, header in enumerate(headers):
        made.add_column(Text(header), justify="right" if index else "left", no_wrap=True)
    for row in rows:
        made.add_row(*map(harmless, row))
    return made


def duration(seconds: float) -> str:
    """`42 s`, `12 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def counted(count: int, one: str, many: str) -> str:
    """`1 task failed`, `2 tasks failed`."""
    return f"{count:,} {one if count == 1 else many}"


def is_live() -> bool:
    """Whether a table can be redrawn in place: not in a file, whatever FORCE_COLOR says, nor on a dumb terminal."""
    return out.file.isatty() and not out.is_dumb_terminal
