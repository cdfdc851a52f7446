"""The statistical tests and intervals behind verdicts. Each cites its source; libraries are used where they exist.

Accuracies of two cells are compared image by image, as both saw the same images. Times are compared by the bootstrap draws
of `Measurement`: over fresh processes, then over the inferences in each, as all of them share its noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from scipy import optimize, stats
from statsmodels.stats.oneway import anova_oneway
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest, test_proportions_2indep

from kit.analysis.digits import estimated
from kit.analysis.verdicts import CONFIDENCE

Array = np.ndarray[Any, Any]
ALPHA = 1 - CONFIDENCE
_Z = float(stats.norm.isf(ALPHA / 2))


class Estimate(Struct, frozen=True):
    """A figure, its 95 % interval, the number of things that it is over, and the p-values against a bound.

    `p_above` is small where the data say that the figure is above the bound, `p_below` where they say it is below. All have
    only the digits that are known.
    """

    value: float
    low: float
    high: float
    n: int
    p_above: float
    p_below: float

    @property
    def is_point(self) -> bool:
        """Whether nothing is known of its spread."""
        return math.isnan(self.low) and self.p_above == self.p_below == 1


def point(value: float, n: int = 1) -> Estimate:
    """A figure without spread, such as that of a single process, or a published number."""
    return Estimate(value, math.nan, math.nan, n, 1.0, 1.0)


def paired(first: Array, second: Array, bound: float = 0.0) -> Estimate:
    """`second` minus `first`, as proportions of true in two arrays (n,) of bool over the same images; tested at `bound`.

    The score test and interval for a paired difference (T. Tango, Statistics in Medicine 17, 1998, 891-908). At a bound of 0
    it is McNemar's test without continuity correction. Where few images differ and the bound is 0, McNemar's exact test.
    """
    n, gained, lost = len(first), int((second & ~first).sum()), int((first & ~second).sum())
    z = _tango(gained, lost, n, bound)
    p_above, p_below = float(stats.norm.sf(z)), float(stats.norm.cdf(z))
    if bound == 0 and 0 < gained + lost < 50:
        exact = stats.binom(gained + lost, 0.5)
        p_above, p_below = float(exact.sf(gained - 1)), float(exact.cdf(gained))
    value = (gained - lost) / n
    low, high = (_root(gained, lost, n, value, end, sign) for end, sign in ((-1.0, _Z), (1.0, -_Z)))
    return _estimate(value, low, high, n, p_above, p_below)


def _estimate(value: float, low: float, high: float, n: int, p_above: float, p_below: float) -> Estimate:
    return Estimate(estimated(value), estimated(low), estimated(high), n, estimated(p_above), estimated(p_below))


def _tango(gained: int, lost: int, n: int, bound: float) -> float:
    """Tango's score statistic for a true difference of `bound`: positive if the data lie above it."""
    linear = -gained - lost + (2 * n - gained + lost) * bound
    constant = -lost * bound * (1 - bound)
    shared = (math.sqrt(max(linear**2 - 8 * n * constant, 0)) - linear) / (4 * n)
    variance = n * (2 * shared + bound * (1 - bound))
    excess = gained - lost - n * bound
    return excess / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, excess) if excess else 0.0


def _root(gained: int, lost: int, n: int, value: float, end: float, z: float) -> float:
    """Where between `value` and `end` the score statistic is `z`."""
    inner, outer = value, end * (1 - 1e-9)
    if abs(value - end) < 1e-9:
        return end
    return float(optimize.brentq(lambda bound: _tango(gained, lost, n, bound) - z, inner, outer, xtol=1e-14))


def mean(values: Array, bound: float = 0.0) -> Estimate:
    """The mean of n differences, one an image, and its z-test at `bound` (central limit theorem: n is in the thousands)."""
    n, value = len(values), float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(n)
    if error == 0:
        return _estimate(value, value, value, n, *_certain(value - bound))
    z = (value - bound) / error
    return _estimate(value, value - _Z * error, value + _Z * error, n, stats.norm.sf(z), stats.norm.cdf(z))


def _certain(value: float) -> tuple[float, float]:
    return (1.0, 1.0) if value == 0 else (0.0, 1.0) if value > 0 else (1.0, 0.0)


def independent(successes: tuple[float, float], n: tuple[int, int], bound: float = 0.0) -> Estimate:
    """The first proportion minus the second, of different images, tested at `bound`.

    The score interval and test of O. S. Miettinen and M. Nurminen (Statistics in Medicine 4, 1985), from statsmodels.
    """
    arguments = (successes[0], n[0], successes[1], n[1])
    low, high = confint_proportions_2indep(*arguments, method="score", compare="diff", alpha=ALPHA)
    above, below = (
        test_proportions_2indep(*arguments, value=bound, method="score", compare="diff", alternative=side).pvalue
        for side in ("larger", "smaller")
    )
    value = successes[0] / n[0] - successes[1] / n[1]
    return _estimate(value, low, high, sum(n), above, below)


def same_proportion(successes: tuple[float, float], n: tuple[int, int]) -> float:
    """The two-sided p-value of the pooled z-test that two proportions of different images are the same."""
    if successes[0] * n[1] == successes[1] * n[0]:
        return 1.0
    return estimated(proportions_ztest(np.array(successes), np.array(n))[1])


def uneven(change: Array, labels: Array) -> float:
    """The p-value that the mean of `change` (n,), -1 to 1 for each image, is the same in each class of `labels` (n,).

    M. B. Brown and A. B. Forsythe's analysis of variance (Technometrics 16, 1974): classes may differ in how many images
    flip, as long as gains and losses even out alike, and a class without any flip does no harm. One model gives one change
    a class, so images are what is sampled here; S. Hooker et al. (arXiv:1911.05248), whom the study cites, train many.
    """
    if not change.any():
        return 1.0
    return estimated(anova_oneway(change.astype(float), labels, use_var="bf").pvalue)


def even(change: Array, labels: Array, least: float) -> float:
    """The p-value that some two classes of `labels` (n,) differ by `least` or more in the mean of `change` (n,).

    R. L. Berger's intersection-union test (Technometrics 24, 1982): the largest p-value of the z-tests of each two classes,
    which needs no adjustment for their number.
    """
    groups = [change[labels == label] for label in np.unique(labels)]
    means = np.array([group.mean() for group in groups])
    variances = np.array([group.var(ddof=1) / len(group) if len(group) > 1 else np.inf for group in groups])
    first, second = np.triu_indices(len(groups), 1)
    room = least - np.abs(means[first] - means[second])
    with np.errstate(divide="ignore", invalid="ignore"):
        z = room / np.sqrt(variances[first] + variances[second])
    return estimated(stats.norm.sf(np.where(np.isnan(z), 0.0, z)).max(initial=0.0))


def by_class(change: Array, labels: Array) -> Array:
    """The mean change of each class, in the order of the classes."""
    return np.array([change[labels == label].mean() for label in np.unique(labels)])


def ratio(first: tuple[float, Array], second: tuple[float, Array], n: int, bound: float = 1.0) -> Estimate:
    """first / second, each a figure and its draws, with the percentile interval; tested at `bound` by the draws.

    NaN draws tell nothing: no interval, and p-values of 1.
    """
    draws = first[1] / second[1]
    if np.isnan(draws).any():
        return point(first[0] / second[0], n)
    low, high = np.quantile(draws, [ALPHA / 2, 1 - ALPHA / 2])
    return _estimate(first[0] / second[0], low, high, n, *_beyond(draws, bound))


def tested(of: Callable[[float], Estimate], above: float | None, below: float | None) -> tuple[Estimate, float, float]:
    """`of` says an estimate tested at a bound. The estimate, the p-value that it lies above and below what is given, and the
    one that it does not.

    With both limits: two one-sided tests (D. J. Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987), the
    larger p-value; and against it Bonferroni's of the two ways out.
    """
    over, under = (None if bound is None else of(bound) for bound in (above, below))
    if over and under:
        return over, max(over.p_above, under.p_below), min(1.0, 2 * min(over.p_below, under.p_above))
    if over:
        return over, over.p_above, over.p_below
    assert under, "a test needs a limit"
    return under, under.p_below, under.p_above


def rest(estimate: Estimate) -> Estimate:
    """1 minus the figure."""
    e = estimate
    return Estimate(1 - e.value, 1 - e.high, 1 - e.low, e.n, e.p_below, e.p_above)


def _beyond(draws: Array, bound: float) -> tuple[float, float]:
    """p-values from draws (A. C. Davison and D. V. Hinkley, Bootstrap Methods, 1997, eq. 4.11): never 0."""
    not_above, not_below = int((draws <= bound).sum()), int((draws >= bound).sum())
    return (1 + not_above) / (len(draws) + 1), (1 + not_below) / (len(draws) + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number (S. Holm, Scandinavian Journal of Statistics 6, 1979).

    statsmodels' own runs the garbage collector at each call, which took longer than the rest of a report.
    """
    given = np.asarray(p_values, float)
    order = np.argsort(given)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1)))
    return [float(p) for p in adjusted]
