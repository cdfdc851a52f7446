"""Statistics of raw values, computed when records are read. Plain Python: a report needs no numpy."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from kit.runs.counts import AsStudied, Counts


class Studied(Struct, frozen=True):
    """Accuracies as the study counted them: whatever ties with the k-th class is a hit, by class the last one wins."""

    top1: float
    top3: float
    by_class: tuple[float, ...]


class Accuracy(Struct, frozen=True):
    """Figures of one split, from the raw counts of an evaluation. `by_class` is the top-1 accuracy of each class.

    Ties are shared evenly. `tied` is the share of images whose first place is shared; where an older run does not tell,
    it and `studied` are None, and ties went to the lower class.
    """

    n: int
    loss: float
    top1: float
    top3: float
    by_class: tuple[float, ...]
    tied: float | None = None
    studied: Studied | None = None


def accuracy(counts: Counts) -> Accuracy:
    """The figures that follow from the counts of a split."""
    n, confusion = counts.n, counts.matrix()
    images = [math.fsum(row) for row in confusion]
    correct = [row[i] for i, row in enumerate(confusion)]
    return Accuracy(
        n=n,
        loss=counts.loss_sum / n,
        top1=math.fsum(correct) / n,
        top3=counts.top3_correct / n,
        by_class=_shares(correct, images),
        tied=None if counts.tied is None else counts.tied / n,
        studied=_studied(counts.as_studied, images, n) if counts.as_studied else None,
    )


def _studied(hits: AsStudied, images: Sequence[float], n: int) -> Studied:
    return Studied(hits.top1_correct / n, hits.top3_correct / n, _shares(hits.by_class_correct, images))


def _shares(correct: Sequence[float], images: Sequence[float]) -> tuple[float, ...]:
    return tuple(own / n if n else math.nan for own, n in zip(correct, images, strict=True))


def wilson(successes: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """The Wilson score interval of a proportion (E. B. Wilson, 1927); 95 % by default."""
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return centre - half, centre + half


def percentile(values: Sequence[float], percent: float) -> float:
    """The percentile of at least one sorted value, with linear interpolation."""
    position = (len(values) - 1) * percent / 100
    lower = math.floor(position)
    upper = min(lower + 1, len(values) - 1)
    return values[lower] + (values[upper] - values[lower]) * (position - lower)
