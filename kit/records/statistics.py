"""Statistics of raw values, computed when records are read. Plain Python: a report needs no numpy."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

Confusion = list[list[int]]


class Accuracy(Struct, frozen=True):
    """Figures of one split, from the raw counts of an evaluation. `by_class` is the top-1 accuracy of each class."""

    n: int
    loss: float
    top1: float
    top3: float
    by_class: tuple[float, ...]


def accuracy(counts: dict[str, Any]) -> Accuracy:
    """`counts` has `n`, `loss_sum`, `top3_correct` and `confusion` (rows: true class, columns: predicted)."""
    confusion: Confusion = counts["confusion"]
    correct = sum(row[i] for i, row in enumerate(confusion))
    by_class = tuple(row[i] / sum(row) if sum(row) else math.nan for i, row in enumerate(confusion))
    n = counts["n"]
    return Accuracy(n, counts["loss_sum"] / n, correct / n, counts["top3_correct"] / n, by_class)


def wilson(successes: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """The Wilson score interval of a proportion (E. B. Wilson, 1927); 95 % by default."""
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return centre - half, centre + half


class Spread(Struct, frozen=True):
    """n values: their median and quartiles, in the values' own unit."""

    n: int
    median: float
    lower: float
    upper: float


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles of at least one value."""
    if len(values) == 1:
        return Spread(1, values[0], values[0], values[0])
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(len(values), median, lower, upper)


def percentile(values: Sequence[float], percent: float) -> float:
    """The percentile of at least one sorted value, with linear interpolation."""
    position = (len(values) - 1) * percent / 100
    lower = math.floor(position)
    upper = min(lower + 1, len(values) - 1)
    return values[lower] + (values[upper] - values[lower]) * (position - lower)


def bootstrap(
    values: Sequence[float], statistic: Callable[[Sequence[float]], float], confidence: float = 0.95, resamples: int = 1000
) -> tuple[float, float]:
    """The percentile bootstrap interval of a statistic (B. Efron, 1979), the same each time for the same values."""
    drawing = random.Random(0)
    found = sorted(statistic(drawing.choices(values, k=len(values))) for _ in range(resamples))
    tail = 100 * (1 - confidence) / 2
    return percentile(found, tail), percentile(found, 100 - tail)
