import math

import pytest
from scipy.stats import binomtest

from kit.records import statistics


def test_accuracy_from_counts() -> None:
    counts = {"n": 8, "loss_sum": 4.0, "top3_correct": 7, "confusion": [[3, 1], [2, 2]]}
    found = statistics.accuracy(counts)
    assert (found.n, found.loss, found.top1, found.top3, found.by_class) == (8, 0.5, 5 / 8, 7 / 8, (0.75, 0.5))


def test_a_class_without_images_has_no_accuracy() -> None:
    found = statistics.accuracy({"n": 1, "loss_sum": 0.0, "top3_correct": 1, "confusion": [[1, 0], [0, 0]]})
    assert math.isnan(found.by_class[1])


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (7, 10), (7325, 10_000), (10, 10)])
def test_wilson_agrees_with_scipy(successes: int, n: int) -> None:
    expected = binomtest(successes, n).proportion_ci(method="wilson")
    assert statistics.wilson(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_spread() -> None:
    assert statistics.spread([4.0]) == statistics.Spread(1, 4.0, 4.0, 4.0)
    assert statistics.spread([1, 2, 3, 4, 5]) == statistics.Spread(5, 3, 2, 4)
