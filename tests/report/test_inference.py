"""The statistics against textbook values, other libraries, and a plain computation of the same thing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from kit.report import inference


def images(both: int, lost: int, gained: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Two cells' correctness with the given numbers of images."""
    first = [True] * (both + lost) + [False] * (gained + neither)
    second = [True] * both + [False] * lost + [True] * gained + [False] * neither
    return np.array(first), np.array(second)


def test_at_a_bound_of_0_it_is_mcnemars_test() -> None:
    """A. Agresti, Categorical Data Analysis, 2nd edition, section 10.1: approval ratings of 1600 people."""
    found = inference.paired(*images(794, 150, 86, 570))
    z = (86 - 150) / math.sqrt(86 + 150)
    assert z == pytest.approx(-4.17, abs=0.005)  # z**2 = 17.36 in the book
    assert found.p_below == pytest.approx(stats.norm.cdf(z))
    assert found.value == -64 / 1600
    assert (found.low, found.high) == pytest.approx((-0.059, -0.021), abs=0.001)  # -0.04 +- 1.96 (0.0095) in the book


def test_few_differing_images_get_mcnemars_exact_test() -> None:
    found = inference.paired(*images(50, 9, 2, 39))
    expected = mcnemar([[50, 9], [2, 39]], exact=True).pvalue
    assert 2 * found.p_below == pytest.approx(expected)


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
    found = inference.paired(*images(500, lost, gained, 1000 - 500 - lost - gained), bound)
    z = tango_by_likelihood(gained, lost, 1000, bound)
    assert found.p_above == pytest.approx(stats.norm.sf(z), rel=1e-4)
    for end in (found.low, found.high):
        assert abs(tango_by_likelihood(gained, lost, 1000, end)) == pytest.approx(1.959964, abs=1e-3)


def test_the_same_predictions_differ_by_nothing_for_sure() -> None:
    found = inference.paired(*images(7000, 0, 0, 3000), -0.02)
    assert found.value == 0 and found.low < 0 < found.high and found.p_above < 1e-6


def test_everything_lost_is_an_end_of_the_scale() -> None:
    found = inference.paired(*images(0, 100, 0, 0))
    assert found.value == found.low == -1 and found.high < -0.9


def test_an_independent_difference_against_a_bound() -> None:
    assert inference.independent((560, 500), (1000, 1000)).p_above == pytest.approx(0.0036, abs=2e-4)
    gap = inference.independent((8000, 7000), (10_000, 10_000), 0.05)
    assert gap.value == pytest.approx(0.1) and gap.low < 0.1 < gap.high
    assert gap.p_above < 1e-9
    assert inference.independent((8000, 7600), (10_000, 10_000), 0.05).p_below < 0.05


def test_the_same_proportion_agrees_with_the_chi_square_test() -> None:
    table = [[7325, 2675], [7210, 2790]]
    expected = stats.chi2_contingency(table, correction=False).pvalue
    assert inference.same_proportion((7325, 7210), (10_000, 10_000)) == pytest.approx(expected)
    assert inference.same_proportion((10, 10), (10, 10)) == 1


def test_even_losses_are_even_and_one_bad_class_is_not() -> None:
    generator = np.random.default_rng(1)
    labels = np.arange(10_000) % 10
    even = -(generator.random(10_000) < 0.05).astype(int)
    assert inference.uneven(even, labels) > 0.05
    assert inference.uneven(np.where(labels == 3, -(generator.random(10_000) < 0.15).astype(int), even), labels) < 1e-6
    assert inference.uneven(np.zeros(10_000, int), labels) == 1
    assert inference.by_class(np.where(labels == 3, -1, 0), labels).tolist() == [0, 0, 0, -1, 0, 0, 0, 0, 0, 0]


def test_unevenness_is_found_in_one_of_twenty_even_runs() -> None:
    generator = np.random.default_rng(2)
    labels = np.arange(2000) % 10
    found = [inference.uneven(generator.choice([-1, 0, 1], 2000, p=[0.05, 0.9, 0.05]), labels) for _ in range(200)]
    assert 0.01 < np.mean(np.array(found) < 0.05) < 0.10


def test_the_bootstrap_sees_the_noise_of_processes() -> None:
    """Two levels of normal noise: the standard error of the mean of medians is known."""
    generator = np.random.default_rng(3)
    processes = [list(100 + shift + generator.normal(0, 1, 101)) for shift in generator.normal(0, 5, 30)]
    draws = inference.resampled(processes, "a")
    medians = [np.median(values) for values in processes]
    assert draws.mean() == pytest.approx(inference.centre(processes), abs=0.1)
    assert draws.std() == pytest.approx(np.std(medians, ddof=1) / math.sqrt(30), rel=0.05)
    assert (draws == inference.resampled(processes, "a")).all()


def test_the_median_of_draws_is_drawn_as_if_each_were() -> None:
    values = np.random.default_rng(4).lognormal(size=25)
    by_draws = np.median(np.random.default_rng(5).choice(values, (20_000, 25)), axis=1)
    own = inference.resampled([values, values], "b") - inference.centre([values, values])
    assert own.std() == pytest.approx(by_draws.std(), rel=0.05)  # mean of two, widened by sqrt(2)


def test_a_ratio_and_what_it_lies_within() -> None:
    generator = np.random.default_rng(6)
    fast, slow = ([list(generator.normal(us, us / 100, 50)) for _ in range(5)] for us in (100, 300))
    figures = [(inference.centre(values), inference.resampled(values, str(i))) for i, values in enumerate((fast, slow))]
    found = inference.ratio(figures[1], figures[0], 500, 2.5)
    assert found.low < 3 < found.high and found.p_above < 0.001 and found.p_below == pytest.approx(1)
    inside, p, against = inference.within(figures[0], figures[0], 500, 0.9, 1.1)
    assert inside.value == 1 and p < 0.001 and against == 1
    assert inference.within(figures[1], figures[0], 500, 0.9, 1.1)[2] < 0.001


def test_holm_agrees_with_statsmodels() -> None:
    p_values = [0.01, 0.04, 0.03, 0.005, 0.9]
    assert inference.holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]))
    assert inference.holm([]) == []


def test_a_mean_of_differences() -> None:
    values = np.random.default_rng(7).choice([-1.0, 0.0, 1.0], 5000, p=[0.2, 0.7, 0.1])
    found = inference.mean(values)
    assert 2 * found.p_below == pytest.approx(stats.ttest_1samp(values, 0).pvalue, rel=0.01, abs=1e-12)
    assert (inference.mean(np.zeros(10)).p_above, inference.mean(np.ones(10)).p_above) == (1, 0)
