"""From tests to a verdict: p-values adjusted for their number, parts weighed, and limits that cap an outcome."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from kit.report.inference import ALPHA, Estimate, holm
from kit.report.verdict import Evidence, Message, Outcome, Verdict
from kit.study.claims import Claim


class Test(Struct, frozen=True):
    """One comparison before its p-values are adjusted.

    `p` is small where the data show what the claim says, `p_against` where they show that it is not so. Exact figures have
    neither, and `holds` says it. With `presumed` the test holds unless the data show that it is not so.
    """

    subject: str
    quantity: Message
    estimate: Estimate
    p: float | None = None
    p_against: float | None = None
    holds: bool | None = None
    presumed: bool = False
    published: float | None = None
    records: tuple[str, ...] = ()
    scale: float = 1.0


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
    """A figure that has no spread, such as a file's size."""
    return Estimate(value, value, value, 1, 0.0, 0.0)


def weigh(claim: Claim, finding: Finding) -> Verdict:
    """The verdict on a claim. Without parts it is not testable."""
    evidence = _evidence([test for part in finding.parts for test in part.tests])
    remaining = iter(evidence)
    states = [_state([next(remaining).holds for _ in part.tests], part.rule) for part in finding.parts]
    outcome = _outcome(states)
    if outcome is Outcome.reproduced and finding.limits:
        outcome = Outcome.partly
    return Verdict(
        claim.number,
        claim.key,
        outcome,
        sentences(_reasons(finding, states)),
        finding.test,
        tuple(evidence),
        finding.origin,
        missing=finding.missing,
    )


def not_testable(claim: Claim, why: Message, missing: Sequence[str] = ()) -> Verdict:
    return Verdict(claim.number, claim.key, Outcome.not_testable, why, Message("none"), missing=tuple(missing))


def _evidence(tests: Sequence[Test]) -> list[Evidence]:
    p_values = _adjusted([test.p for test in tests])
    against = _adjusted([test.p_against for test in tests])
    return [_row(test, p, contrary) for test, p, contrary in zip(tests, p_values, against, strict=True)]


def _adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's adjustment over those that are there."""
    adjusted = iter(holm([p for p in p_values if p is not None]))
    return [None if p is None else next(adjusted) for p in p_values]


def _row(test: Test, p: float | None, against: float | None) -> Evidence:
    e, k = test.estimate, test.scale
    shown = against if test.presumed else p
    holds = _holds(test, p, against)
    row = Evidence(test.subject, test.quantity, e.value * k, None, None, test.published, e.n, shown, holds, test.records)
    if e.n == 1 or e.low != e.low:
        return row
    low, high = sorted((e.low * k, e.high * k))
    return Evidence(row.subject, row.quantity, row.value, low, high, row.published, row.n, row.p, holds, row.records)


def _holds(test: Test, p: float | None, against: float | None) -> bool | None:
    if test.holds is not None:
        return test.holds
    if against is not None and against < ALPHA:
        return False
    if test.presumed:
        return True
    return True if p is not None and p < ALPHA else None


def _state(rows: Sequence[bool | None], rule: str) -> bool | None:
    if rule == "any":
        return True if True in rows else None if None in rows else False
    return False if False in rows else None if None in rows else True


def _outcome(states: Sequence[bool | None]) -> Outcome:
    """None that holds and some that can be told neither way: the run cannot decide."""
    if states and all(states):
        return Outcome.reproduced
    if any(states):
        return Outcome.partly
    return Outcome.not_reproduced if False in states else Outcome.not_testable


def _reasons(finding: Finding, states: Sequence[bool | None]) -> Iterable[Message]:
    def of(state: bool | None) -> list[str | Message]:
        return [part.name for part, own in zip(finding.parts, states, strict=True) if own is state]

    if finding.figures:
        yield finding.figures
    if of(True):
        yield Message("Holds for: {names}.", {"names": of(True)})
    if of(False):
        yield Message("Does not hold for: {names}.", {"names": of(False)})
    if of(None):
        yield Message("The data do not decide: {names}.", {"names": of(None)})
    if finding.missing:
        yield Message("Missing or incomplete in this run: {names}.", {"names": list(finding.missing)})
    yield from finding.limits


def sentences(messages: Iterable[Message]) -> Message:
    """Several sentences as one message; its key is only places, so it is the same in every language."""
    values = {f"s{index}": message for index, message in enumerate(messages)}
    return Message(" ".join(f"{{{key}}}" for key in values), values)
