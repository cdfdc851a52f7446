"""Comparisons over trainings: Student's t, the spread pooled over a claim's networks where nothing speaks against it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from scipy import stats

from kit.analysis.digits import estimated
from kit.analysis.statistics import ALPHA, Estimate, point

POOLING_ALPHA = 0.1
"""Below this p-value of Bartlett's test spreads are not pooled. It is larger than 0.05, because a preliminary test is to
find unequal spreads with few values (T. A. Bancroft, Biometrics 20, 1964, 427-442); benchmarks/verdicts.py shows it."""


DIGITS = 9  # after the point: what is equal but for the last bits of a sum has no spread


class Group(Struct, frozen=True):
    """One value a training, all of one network. `key` says what of which cells, so that it counts once in a pool."""

    key: str
    values: tuple[float, ...]

    @property
    def freedom(self) -> int:
        return max(0, len(self.values) - 1)

    @property
    def variance(self) -> float:
        """Of a sample (n - 1); NaN for fewer than two values."""
        return statistics.variance(self.values) if self.freedom else math.nan


class Contrast(Struct, frozen=True):
    """The mean of `plus` minus that of `minus`, if there is one. Differences within a training are paired: one group.

    Contrasts of one `family` compare the same of different networks.
    """

    family: str
    plus: Group
    minus: Group | None = None

    @property
    def groups(self) -> tuple[Group, ...]:
        return (self.plus, self.minus) if self.minus else (self.plus,)

    @property
    def n(self) -> int:
        """The number of trainings of the network that has the fewest."""
        return min(len(group.values) for group in self.groups)

    @property
    def value(self) -> float:
        return statistics.fmean(self.plus.values) - (statistics.fmean(self.minus.values) if self.minus else 0.0)


class ByClass(Struct, frozen=True):
    """The change of each class in each training, (trainings, classes)."""

    changes: tuple[tuple[float, ...], ...]

    @property
    def n(self) -> int:
        return len(self.changes)

    @property
    def value(self) -> float:
        """The range over the classes of the mean change."""
        means = np.mean(self.changes, axis=0)
        return float(means.max() - means.min())


class Spread(Struct, frozen=True):
    """What a contrast is judged by: the standard deviation between trainings, its degrees of freedom, and whether it is
    pooled over networks. `scale` times the deviation is the standard error; `networks` is how many groups it is from."""

    deviation: float
    freedom: float
    scale: float
    pooled: bool
    networks: int

    @property
    def error(self) -> float:
        return self.deviation * self.scale


def spreads(contrasts: Sequence[Contrast]) -> list[Spread | None]:
    """The spread of each contrast of one claim; None where a network has fewer than two trainings."""
    families: dict[str, dict[str, Group]] = {}
    for one in contrasts:
        families.setdefault(one.family, {}).update({group.key: group for group in one.groups})
    pools = {family: _pool(list(groups.values())) for family, groups in families.items()}
    return [_spread(one, pools[one.family]) for one in contrasts]


def _pool(groups: Sequence[Group]) -> tuple[float, int, int] | None:
    """The pooled variance, its degrees of freedom, and of how many networks it is; None if there is nothing to pool, or
    spreads differ by Bartlett's test (M. S. Bartlett, Proceedings of the Royal Society A 160, 1937)."""
    replicated = [group for group in groups if group.freedom]
    freedom = sum(group.freedom for group in replicated)
    if len(replicated) < 2 or not _equal_spreads([group.values for group in replicated]):
        return None
    return sum(group.freedom * group.variance for group in replicated) / freedom, freedom, len(replicated)


def _equal_spreads(values: Sequence[Sequence[float]]) -> bool:
    still = [np.ptp(own) == 0 for own in values]
    if any(still):
        return all(still)
    return not stats.bartlett(*values).pvalue < POOLING_ALPHA  # NaN where they are equal to the last digit


def _spread(one: Contrast, pool: tuple[float, int, int] | None) -> Spread | None:
    """With a pool, the larger of a network's own spread and the pooled one: equal spreads are not proven by few values."""
    if one.n < 2:
        return None
    counts = [len(group.values) for group in one.groups]
    scale = math.sqrt(sum(1 / n for n in counts))
    least = pool[0] if pool else 0.0
    parts = [max(least, group.variance) / n for group, n in zip(one.groups, counts, strict=True)]
    freedom = pool[1] if pool else _welch(parts, counts)
    networks = pool[2] if pool else len(parts)
    return Spread(math.sqrt(sum(parts)) / scale, freedom, scale, bool(pool), networks)


def _welch(parts: Sequence[float], counts: Sequence[int]) -> float:
    """The degrees of freedom of a sum of squared standard errors (B. L. Welch, Biometrika 34, 1947)."""
    if sum(parts) == 0:
        return float(min(counts) - 1)
    return sum(parts) ** 2 / sum(part**2 / (n - 1) for part, n in zip(parts, counts, strict=True))


def estimate(one: Contrast, spread: Spread | None, bound: float, level: float = ALPHA) -> Estimate:
    """The contrast with its interval at 1 - `level`, tested at `bound`. Without a spread it is a value alone."""
    value = one.value
    if spread is None:
        return point(value, one.n)
    half = float(stats.t.isf(level / 2, spread.freedom)) * spread.error
    above, below = _p_values(value - bound, spread)
    ends = estimated(value - half), estimated(value + half)
    return Estimate(estimated(value), *ends, one.n, estimated(above), estimated(below))


def _p_values(excess: float, spread: Spread) -> tuple[float, float]:
    if spread.error == 0:
        return (1.0, 1.0) if excess == 0 else (0.0, 1.0) if excess > 0 else (1.0, 0.0)
    t = excess / spread.error
    return float(stats.t.sf(t, spread.freedom)), float(stats.t.cdf(t, spread.freedom))


def same_classes(found: ByClass) -> float:
    """The p-value that classes have no order that repeats from training to training; 1 for one training.

    M. Friedman's test (Journal of the American Statistical Association 32, 1937) with the F distribution of R. L. Iman and
    J. M. Davenport (Communications in Statistics A 9, 1980).
    """
    changes = np.round(found.changes, DIGITS)
    n, classes = changes.shape
    if n < 2 or np.ptp(changes) == 0:
        return 1.0
    ranks = stats.rankdata(changes, axis=1)
    between = n * float(((ranks.mean(axis=0) - (classes + 1) / 2) ** 2).sum())
    within = float(((ranks - (classes + 1) / 2) ** 2).sum()) - between
    if within <= 0:
        return 0.0
    f = between / (classes - 1) / (within / ((classes - 1) * (n - 1)))
    return estimated(stats.f.sf(f, classes - 1, (classes - 1) * (n - 1)))


def even_classes(found: ByClass, least: float) -> float:
    """The p-value that the best and the worst class differ by `least` or more in their mean change; 1 for one training.

    As `statistics.even`, with Student's t. The spread is what is left of the changes without the mean of each class and of
    each training, pooled over the classes: a few trainings don't tell that of each class.
    """
    changes = np.asarray(found.changes)
    n, classes = changes.shape
    if n < 2:
        return 1.0
    left = changes - changes.mean(axis=0) - changes.mean(axis=1, keepdims=True) + changes.mean()
    freedom = (n - 1) * (classes - 1)
    error = math.sqrt(2 * float((left**2).sum()) / freedom / n)
    room = least - found.value
    if error == 0:
        return 0.0 if room > 0 else 1.0
    return estimated(stats.t.sf(room / error, freedom))
