"""What is kept of predictions: ties as data, and every count from them against a plain computation."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load, save

from kit.errors import KitError
from kit.runs import predictions
from kit.runs.artifacts import PREDICTIONS
from kit.runs.counts import Counts, counts
from kit.runs.predictions import Predictions
from kit.runs.record import plain

N, K = 500, (1, 3)


def quantized(classes: int, steps: int, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities in steps, as int8 gives them: the fewer steps, the more ties. And labels."""
    generator = np.random.default_rng(classes * steps)
    probabilities = np.round(generator.dirichlet(np.full(classes, 0.3), n) * steps) / steps
    return probabilities.astype(np.float32), generator.integers(0, classes, n)


def in_chunks(probabilities: np.ndarray, labels: np.ndarray, size: int = 70) -> Predictions:
    """As the stage keeps them: chunk by chunk, through the file."""
    starts = range(0, len(labels), size)
    parts = [predictions.keep(probabilities[s : s + size], labels[s : s + size]) for s in starts]
    return predictions.decode(predictions.encode({"test": predictions.join(parts)}))["test"]


def every_order(row: np.ndarray, counted: Callable[[list[int]], float]) -> float:
    """The mean over every order in which the row's ties can be broken."""
    levels = [list(np.flatnonzero(row == value)) for value in sorted(set(row.tolist()), reverse=True)]
    orders = [list(itertools.chain(*order)) for order in itertools.product(*map(itertools.permutations, levels))]
    return sum(map(counted, orders)) / len(orders)


@pytest.mark.parametrize("k", K)
def test_an_even_share_of_ties_is_the_mean_over_every_way_to_break_them(k: int) -> None:
    probabilities, labels = quantized(5, 12, 200)
    kept = in_chunks(probabilities, labels)
    expected = [
        every_order(row, lambda order, own=label: own in order[:k]) for row, label in zip(probabilities, labels, strict=True)
    ]
    assert predictions.fair(kept, k) == pytest.approx(expected)
    assert set(expected) - {0.0, 1.0}, "there are ties"


@pytest.mark.parametrize(("classes", "steps"), [(10, 256), (10, 8), (7, 4), (2, 8), (256, 40), (1000, 20)])
def test_the_counts_are_those_of_a_plain_computation(classes: int, steps: int) -> None:
    probabilities, labels = quantized(classes, steps)
    found = counts(in_chunks(probabilities, labels))
    firsts = [np.flatnonzero(row == row.max()) for row in probabilities]
    confusion = np.zeros((classes, classes))
    for label, first in zip(labels, firsts, strict=True):
        confusion[label, first] += 1 / len(first)
    assert found.n == N
    assert np.allclose(found.matrix(), confusion)
    assert isinstance(found.confusion[0], dict) == (classes > 255)
    assert msgspec.convert(plain(found), Counts) == found
    assert found.tied == sum(len(first) > 1 for first in firsts)
    above = [(row > row[label]).sum() for row, label in zip(probabilities, labels, strict=True)]
    assert found.as_studied.top1_correct == sum(a < 1 for a in above)
    assert found.as_studied.top3_correct == sum(a < 3 for a in above)
    last = [first[-1] for first in firsts]
    right = [sum(own == label == c for own, label in zip(last, labels, strict=True)) for c in range(classes)]
    assert list(found.as_studied.by_class_correct) == right
    true = probabilities[np.arange(N), labels].astype(np.float64)
    assert found.loss_sum == pytest.approx(-np.log(np.maximum(true, 1e-7)).sum())


def test_the_study_counts_what_keras_counts() -> None:
    """Keras' rule in its own words: a target is among the k if no k classes are predicted higher."""
    probabilities, labels = quantized(10, 16)
    found = counts(in_chunks(probabilities, labels))
    kth = np.sort(probabilities, axis=1)[:, ::-1]
    true = probabilities[np.arange(N), labels]
    assert found.as_studied.top1_correct == (true >= kth[:, 0]).sum()
    assert found.as_studied.top3_correct == (true >= kth[:, 2]).sum()
    assert found.as_studied.top1_correct > np.trace(found.confusion)


def test_ties_are_drawn_evenly_and_the_same_for_every_cell() -> None:
    probabilities = np.tile(np.array([0.4, 0.1, 0.4, 0.1], np.float32), (4000, 1))
    labels = np.zeros(4000, np.uint8)
    answers = predictions.answers(in_chunks(probabilities, labels))
    assert set(answers.tolist()) == {0, 2} and abs((answers == 0).mean() - 0.5) < 0.03
    more = probabilities.copy()
    more[:, 1] = 0.4  # another cell has a third class level: where it is not drawn, the answer is the same
    other = predictions.answers(in_chunks(more, labels))
    assert (other[other != 1] == answers[other != 1]).all() and abs((other == 1).mean() - 1 / 3) < 0.03
    assert (predictions.answers(in_chunks(probabilities, labels + 1)) == answers).all(), "the label decides nothing"


def test_where_nothing_ties_all_ways_to_count_are_one() -> None:
    probabilities = np.random.default_rng(1).dirichlet(np.ones(10), N).astype(np.float32)
    labels = np.arange(N) % 10
    kept = in_chunks(probabilities, labels)
    found = counts(kept)
    assert found.tied == 0 and kept.ties is not None and kept.ties.first.size == 0
    assert np.trace(found.confusion) == found.as_studied.top1_correct
    assert found.top3_correct == found.as_studied.top3_correct
    assert (predictions.answers(kept) == probabilities.argmax(axis=1)).all()


def test_a_network_that_answers_nothing_is_right_by_chance() -> None:
    found = counts(in_chunks(np.full((100, 10), np.nan, np.float32), np.arange(100) % 10))
    assert found.tied == 100 and np.trace(found.confusion) == pytest.approx(10)
    assert found.loss_sum == pytest.approx(-100 * np.log(1e-7))


def test_it_is_small() -> None:
    probabilities, labels = quantized(1000, 20)
    kept = predictions.keep(probabilities, labels)
    tied = counts(kept).tied
    assert len(predictions.encode({"test": kept})) < N * (5 * 2 + 2 + 4) + tied * (4 + 125) + 1000


def test_of_an_older_run_ties_are_unknown() -> None:
    label, top3 = np.array([1, 2], np.uint8), np.array([[1, 2, 3], [1, 2, 3]], np.uint8)
    old = {"test/label": label, "test/top3": top3, "test/true_probability": np.array([0.5, 0.0], np.float32)}
    kept = predictions.decode(save(old))["test"]
    found = counts(kept)
    assert kept.ties is None and found.tied is None and found.as_studied is None
    assert found.confusion[1][1] == found.confusion[2][1] == 1 and found.top3_correct == 2
    assert predictions.fair(kept).tolist() == [1, 0] and predictions.answers(kept).tolist() == [1, 1]
    assert predictions.firsts(kept, 2) == [[1], [1]]


def test_who_shares_the_first_place() -> None:
    probabilities = np.array([[0.2, 0.4, 0.4], [0.5, 0.3, 0.2], [0.3, 0.3, 0.3]], np.float32)
    assert predictions.firsts(in_chunks(probabilities, np.zeros(3, int)), 2) == [[1, 2], [0]]


def test_what_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KitError, match=r"is missing: `kit reproduce` with its preset makes it again"):
        predictions.read(tmp_path / PREDICTIONS)
    (tmp_path / PREDICTIONS).write_bytes(b"no tensors")
    with pytest.raises(KitError, match="cannot be read"):
        predictions.read(tmp_path / PREDICTIONS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("classes", np.array([[3]], np.uint16)),
        ("classes", np.array([2], np.uint16)),
        ("label", np.array([0, 3], np.uint8)),
        ("label", np.array([0.0, 1.0], np.float32)),
        ("label", np.array([], np.uint8)),
        ("top3", np.array([[0, 1, 2]], np.uint8)),
        ("top3", np.array([[0, 1, 2], [0, 1, 3]], np.uint8)),
        ("true_probability", np.array([0.5], np.float32)),
        ("true_probability", np.array([0.5, np.nan], np.float32)),
        ("above", np.array([0], np.uint8)),
        ("level", np.array([0, 1], np.uint8)),
        ("images", np.array([10**6], np.uint32)),
        ("images", np.array([0, 1], np.uint32)),
        ("first", np.array([[0b10000000]], np.uint8)),
    ],
)
def test_tensors_that_do_not_fit_together_are_one_line(tmp_path: Path, name: str, value: np.ndarray) -> None:
    kept = predictions.keep(np.array([[0.4, 0.4, 0.2], [0.1, 0.2, 0.7]], np.float32), np.array([1, 2]))
    whole = load(predictions.encode({"test": kept}))
    (tmp_path / PREDICTIONS).write_bytes(save(whole | {f"test/{name}": value}))
    with pytest.raises(KitError, match="cannot be read"):
        predictions.read(tmp_path / PREDICTIONS)


def test_a_tie_that_another_engine_breaks_is_no_difference() -> None:
    labels = np.zeros(3, int)
    one = predictions.keep(np.array([[0.4, 0.4, 0.2], [0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], np.float32), labels)
    other = predictions.keep(np.array([[0.3, 0.5, 0.2], [0.5, 0.3, 0.2], [0.2, 0.7, 0.1]], np.float32), labels)
    assert predictions.differing(one, other) == predictions.differing(other, one) == 1
