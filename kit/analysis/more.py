"""How many further trainings would decide a comparison that the present ones leave open."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

from scipy import special

from kit.analysis.contrasts import Contrast, Spread
from kit.analysis.finding import Test

POWER = 0.8
MOST = 1000
_SURE = 30.0  # standard errors


def further(test: Test, spread: Spread | None, level: float) -> int | None:
    """The number of further trainings of each network with which a test at `level` decides with a power of 0.8, if the
    figure and the spread are what is seen. None if that takes more than 1,000, or if it can't be said.

    The power is that of the noncentral t distribution (J. Cohen, Statistical Power Analysis, 2nd edition, 1988, chapter 2).
    """
    one = test.over
    if not isinstance(one, Contrast) or spread is None:
        return None
    if spread.error == 0:
        return 1
    counts = range(1, MOST + 1)
    found = bisect_left(counts, POWER, key=lambda more: _power(test, one, spread, level, more))
    return counts[found] if found < len(counts) else None


def _power(test: Test, one: Contrast, spread: Spread, level: float, more: int) -> float:
    """The chance that the test comes out as the value alone does, with so many further trainings of each network."""
    inside = [distance for distance in (_above(test, one), _below(test, one)) if distance is not None]
    error = spread.deviation * math.sqrt(sum(1 / (len(group.values) + more) for group in one.groups))
    freedom = spread.freedom + spread.networks * more
    if min(inside) > 0:
        return sum(power(distance / error, freedom, level) for distance in inside) - (len(inside) - 1)
    return power(-min(inside) / error, freedom, level / len(inside))


def _above(test: Test, one: Contrast) -> float | None:
    return None if test.above is None else one.value - test.above


def _below(test: Test, one: Contrast) -> float | None:
    return None if test.below is None else test.below - one.value


def power(shift: float, freedom: float, level: float) -> float:
    """The power of a one-sided t-test at `level` whose statistic is expected at `shift` standard errors."""
    if shift > _SURE:
        return 1.0
    return 1 - float(special.nctdtr(freedom, shift, special.stdtrit(freedom, 1 - level)))


def of_claim(each: Sequence[int | None]) -> int | None:
    """The number that decides all of a claim's open tests; None if one of them can't be said."""
    known = [count for count in each if count is not None]
    return max(known) if known and len(known) == len(each) else None
