"""Reading what people read."""

from __future__ import annotations

SEPARATORS = {"en": ",.", "de": ".,"}  # of thousands and of decimals


def number(text: str, language: str = "en") -> float:
    """The number that a text begins with, as the language writes it: 1587 of `1,587 [1,570, 1,602]`, 12.5 of `12,5 %`."""
    first = text.replace("\N{NO-BREAK SPACE}", " ").split(" ", maxsplit=1)[0]
    thousands, decimal = SEPARATORS[language]
    return float(first.replace(thousands, "").replace(decimal, "."))
