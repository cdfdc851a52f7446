"""What fails and what holds: p-values in both directions, each adjusted for the number of a claim's tests."""

from __future__ import annotations

import numpy as np
from scipy import stats

from kit.analysis import statistics
from kit.analysis.finding import Finding, Part
from kit.analysis.finding import Test as Comparison
from kit.analysis.statistics import Estimate
from kit.analysis.verdicts import Message
from kit.analysis.weigh import weigh
from kit.study.claims import claim


def step(z: float) -> Comparison:
    """A step from one sparsity to the next, `z` standard errors up: presumed to go down, as claim 8 does."""
    p_above, p_below = (float(p) for p in (stats.norm.sf(z), stats.norm.cdf(z)))
    found = Estimate(z, z - 1.96, z + 1.96, 10_000, p_above, p_below)
    return Comparison("step", Message("change"), found, below=0.0, p_against=p_above, presumed=True)


def test_of_many_steps_without_an_effect_few_runs_have_one_that_fails() -> None:
    """Ten steps each: an interval of 95 % alone would fail one in 22 of 100 runs."""
    failed = 0
    for z in np.random.default_rng(3).normal(size=(1000, 10)):
        verdict = weigh(claim("pruned_accuracy"), Finding((Part("all", tuple(map(step, z))),), Message("z")))
        failed += any(row.holds is False for row in verdict.evidence)
        for row in verdict.evidence:
            assert (row.holds is False) == (row.p is not None and row.p < 0.05), "the page shows the p that decides"
    assert 0.02 < failed / 1000 < 0.07


def test_a_range_below_the_limit_is_open_until_each_two_classes_are_near() -> None:
    generator = np.random.default_rng(5)
    labels = np.repeat(np.arange(10), 1000)
    flips = generator.choice([-1.0, 0.0, 1.0], p=[0.01, 0.98, 0.01], size=10_000)
    least = float(np.ptp(statistics.by_class(flips, labels)))
    assert statistics.even(flips, labels, 0.05) < 0.001
    assert statistics.even(flips, labels, least * 1.05) > 0.3, "a bit below the limit says little"
    assert statistics.even(flips, labels, least / 2) > 0.5
    assert statistics.even(np.zeros(10_000), labels, 0.02) == 0
