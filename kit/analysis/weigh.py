"""From tests to a verdict: adjust p-values for their number, weigh the parts, and cap the outcome by limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from kit.analysis.contrasts import Spread
from kit.analysis.finding import Finding, Test
from kit.analysis.levels import across, ends, level_of, method, over_trainings, spreads, trainings_of
from kit.analysis.more import further, of_claim
from kit.analysis.sequential import Plan
from kit.analysis.statistics import ALPHA, holm
from kit.analysis.verdicts import WORDS, Across, Evidence, Level, Message, Outcome, Verdict, sentences
from kit.runs.looks import Looks
from kit.study.claims import Claim

FEW = 5  # up to so many trainings their own spread is known badly, and the verdict says that they are few


def weigh(claim: Claim, finding: Finding, plan: Plan | None = None) -> Verdict:
    """The verdict on a claim: by its images, sizes or processes, and over trainings if these are what its figures vary over,
    at the level that `plan` leaves. Without parts it is not testable."""
    tests = [test for part in finding.parts for test in part.tests]
    level, images = level_of(finding), _judged(tests)
    evidence = [_row(*one) for one in zip(tests, images, strict=True)]
    states = _states(finding, [one.holds for one in images])
    outcome = _capped(_outcome(states), finding)
    common = Verdict(
        claim.number,
        claim.key,
        outcome,
        sentences((*_reasons(finding, states), *_marks(_by_point(finding)))),
        finding.test,
        tuple(evidence),
        finding.origin,
        missing=finding.missing,
        level=level,
    )
    if level is Level.one_training:
        return _on_one_training(common)
    return _over_trainings(common, finding, tests, plan or Plan()) if level is Level.trainings else common


def _on_one_training(verdict: Verdict) -> Verdict:
    """The images of one training cannot decide what is claimed of a network."""
    decided = verdict.outcome is not Outcome.not_testable
    said = Message("On the test images of one training: {outcome}.", {"outcome": WORDS[verdict.outcome]})
    return replace(
        verdict,
        outcome=Outcome.one_training if decided else Outcome.not_testable,
        reason=sentences((said, verdict.reason)),
        trainings=1,
        on_images=verdict.outcome,
    )


def _over_trainings(verdict: Verdict, finding: Finding, tests: Sequence[Test], plan: Plan) -> Verdict:
    """The verdict over trainings; what the images of these trainings say stands beside it."""
    found, counts = spreads(tests), trainings_of(tests)
    n = min(counts)
    level = plan.level(verdict.key, n)
    over = over_trainings(tests, found, level)
    judged = iter(_judged([test for test in over if test], level))
    each = [next(judged) if test else None for test in over]
    states = _states(finding, [one.holds if one else None for one in each])
    outcome = _capped(_outcome(states), finding)
    open_tests = sum(one is not None and one.holds is None for one in each)
    rows = [
        replace(row, across=_across(test, one, spread, level / open_tests if open_tests else level))
        for row, test, one, spread in zip(verdict.evidence, over, each, found, strict=True)
    ]
    more = of_claim([row.across.more for row in rows if row.across and row.across.holds is None]) if None in states else None
    said = [_few(n, max(counts)), *_look(plan.of(verdict.key, n), level), *_reasons(finding, states)]
    if outcome is not verdict.outcome:
        said.append(Message("On the images of these trainings alone: {outcome}.", {"outcome": WORDS[verdict.outcome]}))
    said += _more(more)
    both = {"images": finding.test, "trainings": method(tests, found)}
    return replace(
        verdict,
        outcome=outcome,
        reason=sentences(said),
        test=Message("over trainings: {trainings}; over images: {images}", both),
        evidence=tuple(rows),
        trainings=n,
        on_images=verdict.outcome,
        is_open=None in states,
        more=more,
        level_spent=level,
    )


def _across(test: Test | None, one: _Judged | None, spread: Spread | None, level: float) -> Across | None:
    if test is None or one is None:
        return None
    row = across(test, one.p, one.holds, spread)
    return row if one.holds is not None else replace(row, more=further(test, spread, level))


def _look(looks: Looks | None, level: float) -> Iterable[Message]:
    if looks:
        yield Message(
            "Looked at after {first} trainings and each further one up to {most}: the level at this look is {level:.2g}.",
            {"first": looks.trainings[0], "most": looks.trainings[-1], "level": level},
        )


def _more(more: int | None) -> Iterable[Message]:
    if more:
        yield Message("At this spread {n} further trainings of each network would decide it (power 0.8).", {"n": more})


def _few(n: int, most: int) -> Message:
    if n == 1:
        return Message("Some networks have several trainings, but not all: another one may change it.")
    if n <= FEW and n < most:
        return Message(
            "Over {n} to {most} trainings of each network, which are few: another one may change it.",
            {"n": n, "most": most},
        )
    if n <= FEW:
        return Message("Over {n} trainings of each network, which are few: another one may change it.", {"n": n})
    return Message("Over {n} trainings of each network.", {"n": n})


class _Judged(Struct, frozen=True):
    """A test with its p-value as it is shown, adjusted, and whether it holds."""

    p: float | None
    holds: bool | None


def _judged(tests: Sequence[Test], level: float = ALPHA) -> list[_Judged]:
    p_values = _adjusted([test.p for test in tests])
    against = _adjusted([test.p_against for test in tests])
    return [
        _Judged(None if test.estimate.is_point else contrary if test.presumed else p, _holds(test, p, contrary, level))
        for test, p, contrary in zip(tests, p_values, against, strict=True)
    ]


def _states(finding: Finding, holds: Sequence[bool | None]) -> list[bool | None]:
    """Whether each part holds."""
    remaining = iter(holds)
    return [_state([next(remaining) for _ in part.tests], part.rule) for part in finding.parts]


def _capped(outcome: Outcome, finding: Finding) -> Outcome:
    return Outcome.partly if outcome is Outcome.reproduced and (finding.limits or finding.missing) else outcome


def _by_point(finding: Finding) -> list[str | Message]:
    return [part.name for part in finding.parts if any(test.estimate.is_point for test in part.tests)]


def not_testable(claim: Claim, why: Message, missing: Sequence[str] = ()) -> Verdict:
    return Verdict(claim.number, claim.key, Outcome.not_testable, why, Message("none"), missing=tuple(missing))


def _adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's adjustment over the p-values that exist."""
    adjusted = iter(holm([p for p in p_values if p is not None]))
    return [None if p is None else next(adjusted) for p in p_values]


def _row(test: Test, judged: _Judged) -> Evidence:
    e, k = test.estimate, test.scale
    low, high = ends(e, k) if e.n != 1 else (None, None)
    return Evidence(
        subject=test.subject,
        quantity=test.quantity,
        value=e.value * k,
        low=low,
        high=high,
        n=e.n,
        p=judged.p,
        holds=judged.holds,
        within=test.is_within if test.above is not None or test.below is not None else None,
        by_point=e.is_point,
        records=test.records,
    )


def _holds(test: Test, p: float | None, against: float | None, level: float) -> bool | None:
    if (p is None and against is None) or test.estimate.is_point:
        return test.is_within
    if against is not None and against < level:
        return False
    if test.presumed:
        return True
    return True if p is not None and p < level and test.is_within else None


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
        if finding.parts:
            yield Message("Partly at best without them.")
    yield from finding.limits


def _marks(by_point: list[str | Message]) -> Iterable[Message]:
    if by_point:
        yield Message("Judged by the value alone, because its spread is unknown: {names}.", {"names": by_point})
