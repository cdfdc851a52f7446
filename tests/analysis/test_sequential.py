"""The level that is spent over the looks, and how many more trainings would decide."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from kit.analysis import contrasts, more, sequential
from kit.analysis.contrasts import Contrast, Group
from kit.analysis.finding import Test as Comparison  # pytest collects what is called Test
from kit.analysis.sequential import Plan
from kit.analysis.verdicts import Message
from kit.runs.looks import planned


def test_one_look_has_the_whole_level() -> None:
    assert sequential.nominal((5,), 0.05) == pytest.approx((0.05,), rel=1e-3)


def test_two_looks_spend_what_their_joint_distribution_says() -> None:
    """Both looks together reject a true hypothesis in 5 %, by the bivariate normal distribution."""
    first, second = (float(stats.norm.isf(level)) for level in sequential.nominal((5, 10), 0.05))
    correlation = np.sqrt(5 / 10)
    kept = stats.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]]).cdf([first, second])
    assert 1 - kept == pytest.approx(0.05, abs=2e-4)
    assert stats.norm.sf(first) == pytest.approx(sequential.spent(0.5, 0.05), rel=2e-3)


def test_looking_after_each_training_costs_nothing() -> None:
    """t-tests on true hypotheses, each looked at after 3 to 10 values: at most 5 % are ever rejected; at 0.05 each, more."""
    looks = tuple(range(3, 11))
    values = np.random.default_rng(5).normal(size=(20_000, 10))
    p = np.array([stats.ttest_1samp(values[:, :n], 0, axis=1, alternative="greater").pvalue for n in looks])
    assert (p < np.array(sequential.nominal(looks))[:, None]).any(axis=0).mean() < 0.05
    assert (p < 0.05).any(axis=0).mean() > 0.1


def test_only_planned_claims_have_a_spent_level() -> None:
    plan = Plan(planned(("overfitting",), 10))
    assert plan.level("gain_at_first", 3) == pytest.approx(0.05)
    levels = sequential.nominal(tuple(range(3, 11)))
    assert [plan.level("overfitting", n) for n in (2, 3, 10, 12)] == [levels[0], levels[0], levels[-1], levels[-1]]


def open_test(*values: float, above: float) -> Comparison:
    one = Contrast("change", Group("a", values))
    return Comparison("a", Message("change"), contrasts.estimate(one, None, above), above=above, over=one)


def test_further_trainings_have_the_power_that_statsmodels_computes() -> None:
    test = open_test(0.02, -0.01, 0.015, 0.0, above=0.0)
    assert isinstance(test.over, Contrast)
    needed = more.further(test, contrasts.spreads([test.over])[0], 0.05)
    values = test.over.plus.values
    effect = np.mean(values) / np.std(values, ddof=1)
    power = [TTestPower().power(effect, 4 + k, 0.05, alternative="larger") for k in range(1, 40)]
    assert needed == 1 + int(np.argmax(np.array(power) >= 0.8))


def test_what_no_number_of_trainings_can_decide_has_none() -> None:
    test = open_test(0.01, -0.01, 0.01, -0.01, above=0.0)
    assert isinstance(test.over, Contrast)
    assert more.further(test, contrasts.spreads([test.over])[0], 0.05) is None
    assert more.of_claim([3, None]) is None and more.of_claim([3, 7]) == 7 and more.of_claim([]) is None
