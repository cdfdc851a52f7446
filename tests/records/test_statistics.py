import math
from statistics import fmean, median

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


def test_percentiles_and_a_bootstrap_interval() -> None:
    values = [float(value) for value in range(1, 102)]
    assert [statistics.percentile(values, percent) for percent in (0, 50, 90, 100)] == [1, 51, 91, 101]
    assert statistics.percentile([3.0], 99) == 3.0 and statistics.percentile([1.0, 2.0], 50) == 1.5
    low, high = statistics.bootstrap(values, fmean)
    assert 44 < low < 47 and 55 < high < 58, "about 51 ± 1.96 * 29 / sqrt(101)"
    assert statistics.bootstrap(values, fmean) == (low, high)
    assert statistics.bootstrap([5.0, 5.0], median) == (5.0, 5.0)
