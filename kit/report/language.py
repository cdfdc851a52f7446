"""The report's languages: texts from a catalogue, numbers with the language's own separators."""

from __future__ import annotations

import gettext
import re
import string
from collections.abc import Sequence
from functools import cache
from importlib import resources

from kit.analysis.digits import known
from kit.analysis.verdicts import Message
from kit.errors import unknown

LANGUAGES = ("en", "de")
_RANGE = re.compile(r"\{low(:?(?P<spec>[^}]*))\}-? \w+ (?P<high>\{high\1\})")


class Language(string.Formatter):
    """Says things in one language. `code` is the language's ISO 639-1 code, for the page's `lang`."""

    def __init__(self, code: str, translations: gettext.NullTranslations) -> None:
        from babel import Locale

        self.code = code
        self.gettext = translations.gettext
        self.ngettext = translations.ngettext
        symbols = Locale.parse(code).number_symbols["latn"]
        self._separators = str.maketrans({",": symbols["group"], ".": symbols["decimal"], "%": "\N{NO-BREAK SPACE}%"})

    def number(self, value: float, spec: str = ",.6g") -> str:
        """A number as Python formats it by `spec`, as far as it is known, then with this language's separators."""
        return format(known(value), spec).translate(self._separators)

    def tr(self, msgid: str, /, **values: object) -> str:
        """The text for `msgid`, its fields filled in. Numbers are written as the language does, and a range from `low` to
        `high` as one number where both are written alike."""

        def one(span: re.Match[str]) -> str:
            low, high = (self.format_field(values[end], span["spec"]) for end in ("low", "high"))
            return span["high"] if low == high else span[0]

        return self.vformat(_RANGE.sub(one, self.gettext(msgid)), (), values)

    def say(self, message: Message) -> str:
        """A message in this language; values that are messages themselves are translated too."""
        return self.tr(message.key, **message.values)

    def format_field(self, value: object, format_spec: str) -> str:
        """How one field's value is written; see `string.Formatter`."""
        if isinstance(value, str):
            return format(value, format_spec)
        if isinstance(value, Message):
            return self.say(value)
        if isinstance(value, bool):
            return self.gettext("yes") if value else self.gettext("no")
        if isinstance(value, int | float):
            return self.number(value, format_spec or ("," if isinstance(value, int) else ",.4g"))
        if isinstance(value, Sequence):
            return ", ".join(self.format_field(part, format_spec) for part in value)
        return str(value)


@cache
def language(code: str) -> Language:
    """The language called `code`. An unknown one raises KitError with the known ones."""
    if code not in LANGUAGES:
        raise unknown("language", code, LANGUAGES)
    return Language(code, gettext.NullTranslations() if code == "en" else _catalogue(code))


def _catalogue(code: str) -> gettext.NullTranslations:
    """The catalogue's text, compiled in memory: no compiled file that could differ from it."""
    from io import BytesIO

    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    text = resources.files("kit.report").joinpath("locales", f"{code}.po").read_bytes()
    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(text), locale=code))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
