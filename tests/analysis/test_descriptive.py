import math

import pytest
from scipy.stats import binomtest

from kit.analysis import descriptive
from kit.runs.counts import Counts


def test_accuracy_from_counts() -> None:
    found = descriptive.accuracy(Counts(n=8, loss_sum=4.0, top3_correct=7, confusion=((3, 1), (2, 2))))
    assert (found.n, found.loss, found.top1, found.top3, found.by_class) == (8, 0.5, 5 / 8, 7 / 8, (0.75, 0.5))


def test_a_class_without_images_has_no_accuracy() -> None:
    found = descriptive.accuracy(Counts(n=1, loss_sum=0.0, top3_correct=1, confusion=((1, 0), (0, 0))))
    assert math.isnan(found.by_class[1])


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (7, 10), (7325, 10_000), (10, 10)])
def test_wilson_agrees_with_scipy(successes: int, n: int) -> None:
    expected = binomtest(successes, n).proportion_ci(method="wilson")
    assert descriptive.wilson(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_percentiles() -> None:
    values = [float(value) for value in range(1, 102)]
    assert [descriptive.percentile(values, percent) for percent in (0, 50, 90, 100)] == [1, 51, 91, 101]
    assert descriptive.percentile([3.0], 99) == 3.0 and descriptive.percentile([1.0, 2.0], 50) == 1.5
