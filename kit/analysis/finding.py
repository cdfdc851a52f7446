"""What a decider finds: the comparisons that a claim rests on, by parts, before they are weighed."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from kit.analysis.contrasts import ByClass, Contrast
from kit.analysis.statistics import Estimate
from kit.analysis.verdicts import Message


class Test(Struct, frozen=True):
    """One comparison before its p-values are adjusted: the claim wants the figure above and below the limits given.

    `p` is small where the data show that it is, `p_against` where they show that it is not. Exact figures have neither.
    With `presumed` the test holds unless the data show that it is not so. `over` has the same figure by training, if
    trainings are what it varies over.
    """

    subject: str
    quantity: Message
    estimate: Estimate
    above: float | None = None
    below: float | None = None
    p: float | None = None
    p_against: float | None = None
    presumed: bool = False
    records: tuple[str, ...] = ()
    scale: float = 1.0
    over: Contrast | ByClass | None = None

    @property
    def is_within(self) -> bool:
        """Whether the figure alone lies where the claim wants it."""
        value = self.estimate.value
        return (self.above is None or value > self.above) and (self.below is None or value < self.below)


class Part(Struct, frozen=True):
    """What a claim says of one architecture or one quantity. With "any" one test that holds is enough."""

    name: str | Message
    tests: tuple[Test, ...]
    rule: Literal["all", "any"] = "all"


class Finding(Struct, frozen=True):
    """All parts of a claim on a run. `limits` say why the outcome is `partly` at best; `figures` sums the values up."""

    parts: tuple[Part, ...]
    test: Message
    figures: Message | None = None
    limits: tuple[Message, ...] = ()
    missing: tuple[str, ...] = ()
    origin: str = ""


def exact(value: float) -> Estimate:
    """A figure without spread, such as a file's size."""
    return Estimate(value, value, value, 1, 0.0, 0.0)
