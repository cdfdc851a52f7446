"""Statistical tests and intervals that verdicts rest on. Each says its source; libraries do what they can.

Accuracies of two cells are compared image by image, as both saw the same images. Times are compared by a bootstrap over
fresh processes, then over the inferences in each, as the noise of a process is shared by all that it measures.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from scipy import optimize, stats
from statsmodels.stats.oneway import anova_oneway
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest, test_proportions_2indep

from kit.report.verdict import CONFIDENCE

Array = np.ndarray[Any, Any]
ALPHA = 1 - CONFIDENCE
RESAMPLES = 10_000  # the smallest p-value is 1e-4: enough for Holm over a few hundred tests
_Z = float(stats.norm.isf(ALPHA / 2))


class Estimate(Struct, frozen=True):
    """A figure, its 95 % interval, the number of things that it is over, and the p-values against a bound.

    `p_above` is small where the data say that the figure is above the bound, `p_below` where they say it is below.
    """

    value: float
    low: float
    high: float
    n: int
    p_above: float
    p_below: float


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
    return Estimate(value, low, high, n, p_above, p_below)


def _tango(gained: int, lost: int, n: int, bound: float) -> float:
    """Tango's score statistic for a true difference of `bound`: positive where the data lie above it."""
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
    return float(optimize.brentq(lambda bound: _tango(gained, lost, n, bound) - z, inner, outer, xtol=1e-9))


def mean(values: Array) -> Estimate:
    """The mean of n differences, one an image, and its z-test against 0 (central limit theorem: n is in the thousands)."""
    n, value = len(values), float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(n)
    if error == 0:
        return Estimate(value, value, value, n, *_certain(value))
    z = value / error
    return Estimate(value, value - _Z * error, value + _Z * error, n, float(stats.norm.sf(z)), float(stats.norm.cdf(z)))


def _certain(value: float) -> tuple[float, float]:
    return (1.0, 1.0) if value == 0 else (0.0, 1.0) if value > 0 else (1.0, 0.0)


def independent(successes: tuple[int, int], n: tuple[int, int], bound: float = 0.0) -> Estimate:
    """The first proportion minus the second, of different images, tested at `bound`.

    The score interval and test of O. S. Miettinen and M. Nurminen (Statistics in Medicine 4, 1985), from statsmodels.
    """
    arguments = (successes[0], n[0], successes[1], n[1])
    low, high = confint_proportions_2indep(*arguments, method="score", compare="diff", alpha=ALPHA)
    above = test_proportions_2indep(*arguments, value=bound, method="score", compare="diff", alternative="larger")
    value = successes[0] / n[0] - successes[1] / n[1]
    return Estimate(value, float(low), float(high), sum(n), float(above.pvalue), 1 - float(above.pvalue))


def same_proportion(successes: tuple[int, int], n: tuple[int, int]) -> float:
    """The two-sided p-value of the pooled z-test that two proportions of different images are the same."""
    if successes[0] * n[1] == successes[1] * n[0]:
        return 1.0
    return float(proportions_ztest(np.array(successes), np.array(n))[1])


def uneven(change: Array, labels: Array) -> float:
    """The p-value that the mean of `change` (n,), -1, 0 or 1 for each image, is the same in each class of `labels` (n,).

    M. B. Brown and A. B. Forsythe's analysis of variance (Technometrics 16, 1974): classes may differ in how many images
    flip, as long as gains and losses even out alike, and a class without any flip does no harm. One model gives one change
    a class, so images are what is sampled here; S. Hooker et al. (arXiv:1911.05248), whom the study cites, train many.
    """
    if not change.any():
        return 1.0
    return float(anova_oneway(change.astype(float), labels, use_var="bf").pvalue)


def by_class(change: Array, labels: Array) -> Array:
    """The mean change of each class, in the order of the classes."""
    return np.array([change[labels == label].mean() for label in np.unique(labels)])


def resampled(processes: Sequence[Sequence[float]], seed: str) -> Array:
    """RESAMPLES draws of a cell's latency: processes with replacement, then in each its inferences; the mean of medians.

    The hierarchical bootstrap that T. Kalibera and R. Jones ask for (Rigorous benchmarking in reasonable time, ISMM 2013).
    The median of m draws from m sorted values is the value at a rank that follows a Beta distribution (order statistics of
    uniform ranks), so it is drawn as such. P processes make draws too narrow by sqrt((P - 1) / P); that is undone (T.
    Hesterberg, The American Statistician 69, 2015, on narrowness bias). One process says nothing of the next: NaN.
    `seed` is any text; the same one gives the same draws.
    """
    if len(processes) == 1:
        return np.full(RESAMPLES, np.nan)
    generator = np.random.default_rng(zlib.crc32(seed.encode()))
    ordered = [np.sort(np.asarray(values, float)) for values in processes]
    chosen = generator.integers(len(ordered), size=(RESAMPLES, len(ordered)))
    drawn = np.empty(chosen.shape)
    for index, values in enumerate(ordered):
        where = chosen == index
        half = (len(values) + 1) / 2
        ranks = (generator.beta(half, half, size=int(where.sum())) * len(values)).astype(int)
        drawn[where] = values[ranks]
    means, middle = drawn.mean(axis=1), centre(processes)
    widened: Array = middle + (means - middle) * math.sqrt(len(processes) / (len(processes) - 1))
    return widened


def centre(processes: Sequence[Sequence[float]]) -> float:
    """What `resampled` resamples: the mean over processes of each one's median."""
    return float(np.mean([np.median(values) for values in processes]))


def ratio(first: tuple[float, Array], second: tuple[float, Array], n: int, bound: float = 1.0) -> Estimate:
    """first / second, each a figure and its draws, with the percentile interval; tested at `bound` by the draws.

    NaN draws tell nothing: no interval, and p-values of 1.
    """
    draws = first[1] / second[1]
    if np.isnan(draws).any():
        return Estimate(first[0] / second[0], math.nan, math.nan, n, 1.0, 1.0)
    low, high = np.quantile(draws, [ALPHA / 2, 1 - ALPHA / 2])
    return Estimate(first[0] / second[0], float(low), float(high), n, *_beyond(draws, bound))


def within(
    first: tuple[float, Array], second: tuple[float, Array], n: int, lowest: float, highest: float
) -> tuple[Estimate, float, float]:
    """The ratio first / second, the p-value that it lies within two bounds, and the one that it lies outside of them.

    Two one-sided tests (D. J. Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987): the larger p-value.
    """
    low, high = ratio(first, second, n, lowest), ratio(first, second, n, highest)
    return low, max(low.p_above, high.p_below), min(1.0, 2 * min(low.p_below, high.p_above))


def _beyond(draws: Array, bound: float) -> tuple[float, float]:
    """p-values from draws (A. C. Davison and D. V. Hinkley, Bootstrap Methods, 1997, eq. 4.11): never 0."""
    not_above, not_below = int((draws <= bound).sum()), int((draws >= bound).sum())
    return (1 + not_above) / (len(draws) + 1), (1 + not_below) / (len(draws) + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number (S. Holm, Scandinavian Journal of Statistics 6, 1979).

    statsmodels' own collects garbage at each call, which took longer than all the rest of a report.
    """
    given = np.asarray(p_values, float)
    order = np.argsort(given)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1)))
    return [float(p) for p in adjusted]
