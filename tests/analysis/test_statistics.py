"""The statistics against textbook values, other libraries, and a plain computation of the same thing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar

from kit.analysis import statistics


def images(both: int, lost: int, gained: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Two cells' correctness with the given numbers of images."""
    first = [True] * (both + lost) + [False] * (gained + neither)
    second = [True] * both + [False] * lost + [True] * gained + [False] * neither
    return np.array(first), np.array(second)


def test_at_a_bound_of_0_it_is_mcnemars_test() -> None:
    """A. Agresti, Categorical Data Analysis, 2nd edition, section 10.1: approval ratings of 1600 people."""
    found = statistics.paired(*images(794, 150, 86, 570))
    z = (86 - 150) / math.sqrt(86 + 150)
    assert z == pytest.approx(-4.17, abs=0.005)  # z**2 = 17.36 in the book
    assert found.p_below == pytest.approx(stats.norm.cdf(z), rel=1e-5)
    assert found.value == -64 / 1600
    assert (found.low, found.high) == pytest.approx((-0.059, -0.021), abs=0.001)  # -0.04 +- 1.96 (0.0095) in the book


def test_few_differing_images_get_mcnemars_exact_test() -> None:
    found = statistics.paired(*images(50, 9, 2, 39))
    expected = mcnemar([[50, 9], [2, 39]], exact=True).pvalue
    assert 2 * found.p_below == pytest.approx(expected, rel=1e-5)


def tango_by_likelihood(gained: int, lost: int, n: int, bound: float) -> float:
    """The score statistic with the constrained maximum of the likelihood found by search."""

    def loss(q: float) -> float:
        rest = 1 - 2 * q - bound
        return -(gained * math.log(q + bound) + lost * math.log(q) + (n - gained - lost) * math.log(rest))

    low, high = max(0.0, -bound) + 1e-9, (1 - bound) / 2 - 1e-9
    q = optimize.minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    return (gained - lost - n * bound) / math.sqrt(n * (2 * q + bound * (1 - bound)))


@pytest.mark.parametrize(("gained", "lost", "bound"), [(30, 70, -0.02), (70, 30, -0.02), (5, 5, 0.01), (200, 100, 0.05)])
def test_the_score_test_is_that_of_the_constrained_likelihood(gained: int, lost: int, bound: float) -> None:
    found = statistics.paired(*images(500, lost, gained, 1000 - 500 - lost - gained), bound)
    z = tango_by_likelihood(gained, lost, 1000, bound)
    assert found.p_above == pytest.approx(stats.norm.sf(z), rel=1e-4)
    for end in (found.low, found.high):
        assert abs(tango_by_likelihood(gained, lost, 1000, end)) == pytest.approx(1.959964, abs=1e-3)


def test_the_same_predictions_differ_by_nothing_for_sure() -> None:
    found = statistics.paired(*images(7000, 0, 0, 3000), -0.02)
    assert found.value == 0 and found.low < 0 < found.high and found.p_above < 1e-6


def test_everything_lost_is_an_end_of_the_scale() -> None:
    found = statistics.paired(*images(0, 100, 0, 0))
    assert found.value == found.low == -1 and found.high < -0.9


def test_an_independent_difference_against_a_bound() -> None:
    assert statistics.independent((560, 500), (1000, 1000)).p_above == pytest.approx(0.0036, abs=2e-4)
    gap = statistics.independent((8000, 7000), (10_000, 10_000), 0.05)
    assert gap.value == pytest.approx(0.1) and gap.low < 0.1 < gap.high
    assert gap.p_above < 1e-9
    assert statistics.independent((8000, 7600), (10_000, 10_000), 0.05).p_below < 0.05


def test_the_same_proportion_agrees_with_the_chi_square_test() -> None:
    table = [[7325, 2675], [7210, 2790]]
    expected = stats.chi2_contingency(table, correction=False).pvalue
    assert statistics.same_proportion((7325, 7210), (10_000, 10_000)) == pytest.approx(expected, rel=1e-5)
    assert statistics.same_proportion((10, 10), (10, 10)) == 1


def test_even_losses_are_even_and_one_bad_class_is_not() -> None:
    generator = np.random.default_rng(1)
    labels = np.arange(10_000) % 10
    even = -(generator.random(10_000) < 0.05).astype(int)
    assert statistics.uneven(even, labels) > 0.05
    assert statistics.uneven(np.where(labels == 3, -(generator.random(10_000) < 0.15).astype(int), even), labels) < 1e-6
    assert statistics.uneven(np.zeros(10_000, int), labels) == 1
    assert statistics.by_class(np.where(labels == 3, -1, 0), labels).tolist() == [0, 0, 0, -1, 0, 0, 0, 0, 0, 0]


def test_unevenness_is_found_in_one_of_twenty_even_runs() -> None:
    generator = np.random.default_rng(2)
    labels = np.arange(2000) % 10
    found = [statistics.uneven(generator.choice([-1, 0, 1], 2000, p=[0.05, 0.9, 0.05]), labels) for _ in range(200)]
    assert 0.01 < np.mean(np.array(found) < 0.05) < 0.10
