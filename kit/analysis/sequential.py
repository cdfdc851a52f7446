"""The level of each look at a run that gets seeds until claims are decided: spent over the looks, so that stopping early
costs nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy import optimize, stats

from kit.analysis.digits import estimated
from kit.analysis.statistics import ALPHA, Array
from kit.runs.looks import Looks

FOR_T = 0.04
"""What is spent in all. The boundaries are a normal process's; with Student's t they would spend 0.058 of 0.05."""
_GRID = np.linspace(-8.0, 8.0, 801)
_STEP = float(_GRID[1] - _GRID[0])


def spent(share: float, level: float = FOR_T) -> float:
    """How much of the level may be spent once this share of all trainings is there: the function of K. K. G. Lan and
    D. L. DeMets (Biometrika 70, 1983, 659-663) that is like Pocock's boundary, so that large effects stop early."""
    return level * math.log(1 + (math.e - 1) * share)


@cache
def nominal(trainings: tuple[int, ...], level: float = FOR_T) -> tuple[float, ...]:
    """The level of a one-sided test at each look, after so many trainings, of which the last is all that may come.

    Boundaries are those of a normal process, by the recursion of P. Armitage, C. K. McPherson and B. C. Rowe (Journal of the
    Royal Statistical Society A 132, 1969); their levels are used for t (C. Jennison and B. W. Turnbull, Group Sequential
    Methods, 2000, section 3.8).
    """
    shares = [n / trainings[-1] for n in trainings]
    density, before, done, found = _start(shares[0]), shares[0], 0.0, []
    for share in shares:
        if share > before:
            density, before = _spread(density, share - before), share
        due = spent(share, level) - done
        bound = _bound(density, due)
        found.append(estimated(stats.norm.sf(bound / math.sqrt(share))))
        density, done = np.where(bound > _GRID, density, 0.0), spent(share, level)
    return tuple(found)


def _start(share: float) -> Array:
    return np.asarray(stats.norm.pdf(_GRID, scale=math.sqrt(share)))


def _spread(density: Array, share: float) -> Array:
    """The density of the process after as much more information, where it was not stopped."""
    steps: Array = stats.norm.pdf(_GRID[:, None] - _GRID[None, :], scale=math.sqrt(share))
    return np.asarray(steps @ density) * _STEP


def _bound(density: Array, due: float) -> float:
    """Above which value of the process `due` of the density lies."""
    beyond = np.concatenate([np.cumsum(density[::-1])[::-1] * _STEP - density * _STEP / 2, [0.0]])
    return float(optimize.brentq(lambda x: float(np.interp(x, _GRID, beyond[:-1])) - due, -7.9, 7.9))


class Plan:
    """The level at which each claim is judged: 0.05, or what the plans of the runs leave for the present look."""

    def __init__(self, *looks: Looks) -> None:
        self._looks = looks

    def of(self, key: str, trainings: int) -> Looks | None:
        """The plan of a claim; the strictest of several."""
        planned = [looks for looks in self._looks if key in looks.claims]
        return min(planned, key=lambda looks: level_at(looks.trainings, trainings), default=None)

    def level(self, key: str, trainings: int) -> float:
        """Of the last look that has come with so many trainings."""
        looks = self.of(key, trainings)
        return level_at(looks.trainings, trainings) if looks else ALPHA


def level_at(looks: Sequence[int], trainings: int) -> float:
    """The level with so many trainings: that of the last look so far, of the first one before it."""
    past = sum(look <= trainings for look in looks)
    return nominal(tuple(looks))[max(past - 1, 0)]
