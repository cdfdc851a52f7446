"""What a verdict is: how a claim of the study came out on a run, why, and on which evidence."""

from __future__ import annotations

import string
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

CONFIDENCE = 0.95


class Outcome(StrEnum):
    """`partly`: some of a claim's parts or architectures hold, or it holds where it was measured and that is not the
    study's kind of machine or data. `not_testable`: the run has not what it takes to decide."""

    reproduced = "reproduced"
    partly = "partly"
    not_reproduced = "not_reproduced"
    not_testable = "not_testable"


class Message(Struct, frozen=True):
    """A sentence that can be translated: `key` is the English one, a format string whose named fields are in `values`.

    A value is text, a number, another message, or a list of these, written with commas between. `str()` is the English.
    """

    key: str
    values: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return _English().vformat(self.key, (), self.values)


class _English(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, Sequence) and not isinstance(value, str):
            return ", ".join(self.format_field(part, format_spec) for part in value)
        return str(value) if isinstance(value, Message) else format(value, format_spec)


WORDS = {
    Outcome.reproduced: Message("reproduced"),
    Outcome.partly: Message("partly"),
    Outcome.not_reproduced: Message("not reproduced"),
    Outcome.not_testable: Message("not testable"),
}


class Evidence(Struct, frozen=True):
    """One comparison that a verdict rests on.

    `subject` is a cell or a pair `one : other`; `quantity` says what `value`, its interval `low` to `high` and the study's
    `published` value are, with the unit. `p` is adjusted (Holm) over the claim's tests. `holds` is None where the data
    can tell neither way, or where the row only informs. `records` are paths in the run.
    """

    subject: str
    quantity: Message
    value: float | None = None
    low: float | None = None
    high: float | None = None
    published: float | None = None
    n: int | None = None
    p: float | None = None
    holds: bool | None = None
    records: tuple[str, ...] = ()


class Verdict(Struct, frozen=True):
    """How claim `number` came out. `origin` is where times or memory were measured: device, host, or empty if none was.

    `missing` has the study's architectures that the run has not, or not far enough to take part.
    """

    number: int
    key: str
    outcome: Outcome
    reason: Message
    test: Message
    evidence: tuple[Evidence, ...] = ()
    origin: str = ""
    confidence: float = CONFIDENCE
    missing: tuple[str, ...] = ()
