"""Whether several trainings rank the classes alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from scipy import stats

from kit.analysis.contrasts import DIGITS, ByClass, same_classes
from kit.analysis.digits import estimated


class Concordance(Struct, frozen=True):
    """Kendall's coefficient of concordance `w`, 0 to 1, of `n` trainings, and the p-value of `same_classes`."""

    w: float
    p: float
    n: int


def concordance(changes: Sequence[Sequence[float]]) -> Concordance | None:
    """Of the changes of each class, one row a training. None for fewer than two trainings, or if a row is all ties.

    M. G. Kendall and B. Babington Smith (Annals of Mathematical Statistics 10, 1939), corrected for ties.
    """
    n = len(changes)
    if n < 2:
        return None
    ranks = np.array([stats.rankdata(np.round(row, DIGITS)) for row in changes])
    k, sums = ranks.shape[1], ranks.sum(axis=0)
    ties = sum(float((count**3 - count).sum()) for row in ranks for count in [np.unique(row, return_counts=True)[1]])
    most = n**2 * (k**3 - k) - n * ties
    if most <= 0:
        return None
    w = 12 * float(((sums - sums.mean()) ** 2).sum()) / most
    return Concordance(estimated(w), same_classes(ByClass(tuple(map(tuple, changes)))), n)
