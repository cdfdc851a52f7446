"""The second level of a verdict: a claim's comparisons over trainings instead of over the images of those at hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from msgspec.structs import replace

from kit.analysis import contrasts, statistics
from kit.analysis.contrasts import ByClass, Contrast, Spread
from kit.analysis.digits import estimated
from kit.analysis.finding import Finding, Test
from kit.analysis.statistics import Estimate
from kit.analysis.verdicts import Across, Level, Message


def level_of(finding: Finding) -> Level:
    """What the claim's figures vary over, as far as this run shows it."""
    tests = [test for part in finding.parts for test in part.tests]
    counts = trainings_of(tests)
    if counts:
        return Level.trainings if max(counts) > 1 else Level.one_training
    if finding.origin:
        return Level.processes
    return Level.values if any(test.estimate.is_point for test in tests) else Level.exact


def trainings_of(tests: Sequence[Test]) -> list[int]:
    """The number of trainings that each test has, where trainings are what it varies over."""
    return [test.over.n for test in tests if test.over]


def spreads(tests: Sequence[Test]) -> list[Spread | None]:
    """For each test the spread between trainings that it is judged by, pooled over the claim's networks if possible."""
    found = iter(contrasts.spreads([test.over for test in tests if isinstance(test.over, Contrast)]))
    return [next(found) if isinstance(test.over, Contrast) else None for test in tests]


def over_trainings(tests: Sequence[Test], found: Sequence[Spread | None], level: float) -> list[Test | None]:
    """Each test over trainings, its interval at 1 - `level`; None where there are fewer than two, which decide nothing."""
    return [_over(test, spread, level) for test, spread in zip(tests, found, strict=True)]


def _over(test: Test, spread: Spread | None, level: float) -> Test | None:
    if isinstance(test.over, ByClass):
        return _by_class(test, test.over)
    if spread is None or test.over is None:
        return None
    one = test.over
    at = partial(contrasts.estimate, one, spread, level=level)
    estimate, p, against = statistics.tested(at, test.above, test.below)
    return replace(test, estimate=estimate, p=None if test.presumed else p, p_against=against)


def _by_class(test: Test, found: ByClass) -> Test | None:
    if found.n < 2 or test.above is None:
        return None
    estimate = Estimate(found.value, math.nan, math.nan, found.n, 0.0, 0.0)
    return replace(
        test, estimate=estimate, p=contrasts.same_classes(found), p_against=contrasts.even_classes(found, test.above)
    )


def across(test: Test, p: float | None, holds: bool | None, spread: Spread | None) -> Across:
    """The row of a test over trainings; `p` is adjusted."""
    e, k = test.estimate, test.scale
    low, high = ends(e, k)
    return Across(
        n=e.n,
        value=e.value * k,
        low=low,
        high=high,
        p=p,
        holds=holds,
        deviation=estimated(spread.deviation * k) if spread else None,
        freedom=estimated(spread.freedom) if spread else None,
        pooled=bool(spread and spread.pooled),
    )


def ends(e: Estimate, scale: float) -> tuple[float | None, float | None]:
    """The interval in the unit of the row, if there is one."""
    if e.low != e.low:
        return None, None
    low, high = sorted((e.low * scale, e.high * scale))
    return low, high


def method(tests: Sequence[Test], found: Sequence[Spread | None]) -> Message:
    """The test over trainings, in words."""
    if any(isinstance(test.over, ByClass) for test in tests):
        return Message(
            "Friedman's test that the order of the classes repeats from training to training; against it, equivalence of "
            "each two classes by Student's t; Holm"
        )
    if any(spread and spread.pooled for spread in found):
        return Message("Student's t, paired by seed within a network, spread pooled over the networks, Holm")
    return Message("Student's t, paired by seed within a network, each network's own spread, Holm")
