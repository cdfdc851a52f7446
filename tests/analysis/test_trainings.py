"""Figures over trainings: intervals against textbook values and by their coverage, and which trainings count together."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from kit.analysis import stopping, trainings
from kit.analysis.schema import Row
from kit.stages.values import Epoch

THREE = (0.6585, 0.6494, 0.6118)  # MobileNetV3 Small of `short`, seeds 1, 2 and 3


def test_the_interval_of_the_mean_is_students() -> None:
    mean, error = np.mean(THREE), stats.sem(THREE)
    assert trainings.mean_interval(THREE) == pytest.approx(stats.t.interval(0.95, 2, mean, error), rel=1e-5)
    assert trainings.mean_interval(THREE) == pytest.approx((0.5784, 0.7014), abs=1e-4)


def test_the_next_training_is_expected_in_a_wider_one() -> None:
    low, high = trainings.next_interval(THREE) or (0, 0)
    mean = trainings.mean_interval(THREE) or (0, 0)
    assert (high - low) / (mean[1] - mean[0]) == pytest.approx(2)  # sqrt(1 + 1/3) over sqrt(1/3)


def test_95_of_100_next_values_lie_in_it() -> None:
    generator = np.random.default_rng(1)
    inside = 0
    for *known, new in generator.normal(0.7, 0.02, size=(4000, 4)):
        low, high = trainings.next_interval(known) or (0, 0)
        inside += low <= new <= high
    assert inside / 4000 == pytest.approx(0.95, abs=0.012)


def test_one_value_has_no_interval() -> None:
    assert trainings.mean_interval((0.7,)) is None and trainings.next_interval(()) is None


def row(seed: int, top1: float | None) -> Row:
    return Row(f"run@{seed}", f"mobilenet@{seed}/s00/float32", "mobilenet", 0, "float32", seed, top1=top1)


def test_an_accuracys_interval_ends_where_accuracies_do() -> None:
    (found,) = trainings.over_seeds([[row(1, 0.72)], [row(2, 0.99)]], ("top1",))
    assert found.high == 1.0 and found.low is not None and 0 <= found.low < 0.72
    assert trainings.next_interval((0.02, 0.1), trainings.PROPORTION) == (0, pytest.approx(0.94, abs=0.01))


def test_values_stand_by_seed_and_missing_ones_count_nothing() -> None:
    (found,) = trainings.over_seeds([[row(1, 0.72)], [row(2, None)], [row(5, 0.74)]], ("top1", "top3"))
    assert (found.seeds, found.values, found.n) == ((1, 5), (0.72, 0.74), 2)
    assert found.point.name == found.cell == "mobilenet/s00/float32"
    (alone,) = trainings.over_seeds([[row(3, 0.72)]], ("top1",))
    assert (alone.mean, alone.deviation, alone.low, alone.high) == (0.72, None, None, None)


def epochs(*losses: float) -> tuple[Epoch, ...]:
    return tuple(Epoch(1.0, 0.5, loss, 0.5) for loss in losses)


def test_a_training_waits_from_one_best_epoch_to_the_next() -> None:
    assert stopping.longest_wait(epochs(5, 4, 6, 6, 3, 7, 7, 7, 7)) == 3, "what comes after the best epoch isn't counted"
    assert stopping.longest_wait(epochs(5, 6, 5)) == 2, "the later of two equal ones is the best"
    assert stopping.longest_wait(epochs(5, 6, 7)) == stopping.longest_wait(()) == 0
