"""Reading a report's page as a program would."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path


def markdown(folder: Path) -> str:
    """The Markdown page in `folder`, and the files beside it that it names."""
    text = (folder / "report.md").read_text()
    beside = sorted(folder.glob("details/*.md"))
    assert all(f"](details/{path.name})" in text for path in beside)
    return "\n".join([text, *(path.read_text() for path in beside)])


class Page(HTMLParser):
    """The values that the page ties to a record: (table, cell, record, text, value) for each."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.values: list[tuple[str, str, str, str, float]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._table = self._cell = ""
        self._open: list[str] | None = None
        self._tie: dict[str, str | None] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if tag == "table":
            self._table = given.get("data-table") or ""
        elif tag == "tr":
            self._cell = given.get("data-cell") or ""
        elif tag == "td" and "data-record" in given:
            self._open, self._tie = [], given

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._open.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "td" and self._open is not None:
            text, value = "".join(self._open).strip(), float(str(self._tie["data-value"]))
            self.values.append((self._table, self._cell, str(self._tie["data-record"]), text, value))
            self._open = None
