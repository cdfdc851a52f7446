"""What records and checks say in English, in the report's language: known phrases are recognized by their form."""

from __future__ import annotations

import re
import string
from functools import cache

from kit.analysis.verdicts import Message
from kit.report.language import Language

KNOWN = (
    Message("few samples ({processes} processes, {inferences} inferences)"),
    Message("spread {percent} % between quartiles"),
    Message("spread {percent} % between processes"),
    Message("drift {percent} % between {count} measurements of the sentinel"),
    Message("governor {names}, not performance"),
    Message("the device does not tell whether it throttles"),
    Message("other load (load average {load})"),
    Message("clock {now} MHz, the study's was {study} (--clock {pin} pins it)"),
    Message("{delegate} runs none of the file's nodes"),
    Message("under-voltage"),
    Message("the firmware capped the clock"),
    Message("throttled"),
    Message("the soft temperature limit"),
    Message("the governor changed ({names})"),
    Message("the clock fell to {low} of {full} MHz"),
    Message("invalid"),
    Message("made from what {task} wrote, which is {state}"),
    Message("{file} is another file now"),
    Message("{file} cannot be read"),
    Message("made from the images of another data set"),
    Message("its settings or inputs are not those that its fingerprint is over"),
    Message("it is the record of {other}"),
    Message("version {made} of its stage made it, this kit has {now}"),
    Message("{setting} {before}, now {now}"),
)


def said(text: str, language: Language) -> str:
    """A phrase, or several with semicolons between them; one that is unknown, of another kit say, stays as it is."""
    return "; ".join(_phrase(part, language) for part in text.split("; "))


def _phrase(text: str, language: Language) -> str:
    for message in KNOWN:
        if found := _pattern(message.key).fullmatch(text):
            return language.tr(message.key, **found.groupdict())
    return text


@cache
def _pattern(key: str) -> re.Pattern[str]:
    parts = [(re.escape(before), name) for before, name, _, _ in string.Formatter().parse(key)]
    return re.compile("".join(before + (f"(?P<{name}>.+)" if name else "") for before, name in parts))
