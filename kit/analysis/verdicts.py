"""What a verdict is: how a claim of the study came out on a run, why, and on which evidence."""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct, field

from kit.analysis.digits import known

CONFIDENCE = 0.95


class Outcome(StrEnum):
    """`partly`: some of a claim's parts or architectures hold, or it holds where it was measured and that is not the
    study's kind of machine or data. `one_training`: the claim is about networks, and there is one training of each, which
    cannot show what the next one does. `not_testable`: the run lacks what it takes to decide, or the data do not."""

    reproduced = "reproduced"
    partly = "partly"
    one_training = "one_training"
    not_reproduced = "not_reproduced"
    not_testable = "not_testable"


class Level(StrEnum):
    """What a verdict stands on: sizes that are `exact`, measuring `processes`, `one_training` and its test images, several
    `trainings`, or published `values` alone."""

    exact = "exact"
    processes = "processes"
    one_training = "one_training"
    trainings = "trainings"
    values = "values"


class Message(Struct, frozen=True):
    """A sentence that can be translated: `key` is the English one, a format string whose named fields are in `values`.

    A value is text, a number, another message, or a list of these, written with commas between. `str()` is the English.
    """

    key: str
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return _English().vformat(self.key, (), self.values)


class _English(string.Formatter):
    def format_field(self, value: object, format_spec: str) -> str:
        if isinstance(value, Sequence) and not isinstance(value, str):
            return ", ".join(self.format_field(part, format_spec) for part in value)
        return str(value) if isinstance(value, Message) else format(known(value), format_spec)


def sentences(messages: Iterable[Message]) -> Message:
    """Several sentences as one message; its key is only places, so it is the same in every language."""
    values = {f"s{index}": message for index, message in enumerate(messages)}
    return Message(" ".join(f"{{{key}}}" for key in values), values)


WORDS = {
    Outcome.reproduced: Message("reproduced"),
    Outcome.partly: Message("partly"),
    Outcome.one_training: Message("on one training"),
    Outcome.not_reproduced: Message("not reproduced"),
    Outcome.not_testable: Message("not testable"),
}


class Across(Struct, frozen=True):
    """A comparison over trainings. `n` is the number of trainings of the network that has the fewest.

    `value`, its interval and `deviation` are in the unit of the row. `deviation` is the standard deviation from training to
    training with `freedom` degrees of freedom, pooled over the claim's networks or not; the changes of classes have none.
    `p` is adjusted (Holm). `holds` is None if the trainings can tell neither way; `more` is then the number of further
    trainings of each network that would decide it with a power of 0.8 at this spread, None if over 1,000 or unknown.
    """

    n: int
    value: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    holds: bool | None = None
    deviation: float | None = None
    freedom: float | None = None
    pooled: bool = False
    more: int | None = None


class Evidence(Struct, frozen=True):
    """One comparison that a verdict rests on.

    `subject` is a cell or a pair `one : other`; `quantity` says what `value`, its interval `low` to `high` and the study's
    `published` value are, with the unit. `p` is adjusted (Holm) over the claim's tests. `holds` is None if the data
    can tell neither way, or where the row only informs. `within` is whether `value` alone lies where the claim wants it;
    with `by_point` nothing is known of its spread, and that alone decides. `records` are paths in the run. Interval, `n`,
    `p` and `holds` of an accuracy are over images; `across` has those over trainings, if there are several.
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
    within: bool | None = None
    by_point: bool = False
    records: tuple[str, ...] = ()
    across: Across | None = None


class Verdict(Struct, frozen=True):
    """How claim `number` came out. `origin` is where times or memory were measured: device, local, or empty if none was.

    `missing` has the study's architectures that are missing from the run, or not complete enough to take part. `level` is
    what it stands on; for a claim about accuracies `trainings` is the number of trainings of each network (the fewest), and
    `on_images` the outcome by the images of these trainings alone. `is_open` is whether the trainings leave a part open, and
    `level_spent` the level at which they were judged, smaller if seeds are added until it is decided; intervals over
    trainings are at 1 minus it, all others at `confidence`. `more` further
    trainings of each network would decide it, and take about `more_s` seconds of one core; None if nothing is open, or it
    can't be said.
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
    level: Level = Level.exact
    trainings: int | None = None
    on_images: Outcome | None = None
    is_open: bool = False
    level_spent: float = 1 - CONFIDENCE
    more: int | None = None
    more_s: float | None = None
