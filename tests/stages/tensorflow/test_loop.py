"""The training loop is the study's: RMSprop with its constants, a rate that falls step by step, and early stopping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kit.datasets.splits import Split
from kit.errors import KitError
from kit.stages.tensorflow.backend import keras
from kit.stages.tensorflow.loop import Plan, TrainingState, fit

DRAWN = np.random.default_rng(1)
IMAGES = DRAWN.integers(0, 256, (5, 32, 32, 3)).astype(np.uint8)
LABELS = np.array([3, 1, 4, 1, 5], np.uint8)


def linear() -> Any:
    """Softmax of a linear map, from zeros."""
    layers = [
        keras.layers.Input((32, 32, 3)),
        keras.layers.Flatten(),
        keras.layers.Dense(10, "softmax", kernel_initializer="zeros"),
    ]
    return keras.Sequential(layers)


def trained(model: Any, selection: Split, plan: Plan, folder: Path) -> TrainingState:
    return fit(model, Split(IMAGES, LABELS), selection, plan, folder / "checkpoint", "x", lambda *_: None)


def test_it_is_rmsprop_as_the_study_had_it(tmp_path: Path) -> None:
    """Recomputed: rho 0.9, epsilon 1e-7, momentum 0.9, a rate that falls linearly by step, and a smaller last batch."""
    model = linear()
    plan = Plan(2, 2, 1e-3, 1e-4, 0.9, 7, 1 / 127.5, -1.0, training_ops="tensorflow")
    trained(model, Split(IMAGES, LABELS), plan, tmp_path)
    inputs = IMAGES.reshape(5, -1).astype(np.float32) / np.float32(127.5) - 1
    weights, square, velocity = np.zeros((3072, 10)), np.zeros((3072, 10)), np.zeros((3072, 10))
    bias, bias_square, bias_velocity = np.zeros(10), np.zeros(10), np.zeros(10)
    for step in range(6):
        order = np.random.default_rng([7, step // 3]).permutation(5)
        batch = order[2 * (step % 3) : 2 * (step % 3) + 2]
        logits = inputs[batch] @ weights + bias
        off = np.exp(logits - logits.max(axis=1, keepdims=True))
        off = off / off.sum(axis=1, keepdims=True) - np.eye(10)[LABELS[batch]]
        rate = 1e-3 + (1e-4 - 1e-3) * step / 6
        gradient, bias_gradient = inputs[batch].T @ off / len(batch), off.mean(axis=0)
        square, bias_square = 0.9 * square + 0.1 * gradient**2, 0.9 * bias_square + 0.1 * bias_gradient**2
        velocity = 0.9 * velocity + rate * gradient / np.sqrt(square + 1e-7)
        bias_velocity = 0.9 * bias_velocity + rate * bias_gradient / np.sqrt(bias_square + 1e-7)
        weights, bias = weights - velocity, bias - bias_velocity
    found = model.get_weights()
    assert np.abs(weights).max() > 1e-3
    np.testing.assert_allclose(found[0], weights, atol=2e-5)
    np.testing.assert_allclose(found[1], bias, atol=2e-5)


def test_it_stops_when_the_best_epoch_is_long_ago_and_has_its_weights(tmp_path: Path) -> None:
    model, others = linear(), Split(IMAGES, (LABELS + 1) % 10)  # what is learned is wrong for these: the loss only rises
    plan = Plan(50, 5, 1e-3, 0.0, 0.9, 1, 1 / 127.5, -1.0, training_ops="tensorflow", select_best=True, patience_epochs=3)
    state = trained(model, others, plan, tmp_path)
    losses = [epoch.selection_loss for epoch in state.history]
    assert losses == sorted(losses) and losses[0] < losses[1]
    assert (len(losses), state.best_epoch) == (4, 0)
    probabilities = model.predict(others.images / 127.5 - 1, verbose=0)
    assert -np.log(probabilities[np.arange(5), others.labels]).mean() == pytest.approx(losses[0], rel=1e-4)


class NoNumbers(keras.layers.Layer):  # type: ignore[misc]
    """Gives NaN in one of the two modes."""

    def __init__(self, in_training: bool) -> None:
        super().__init__()
        self.in_training = in_training

    def call(self, inputs: Any, training: bool = False) -> Any:
        return inputs * float("nan") if training == self.in_training else inputs


@pytest.mark.parametrize("in_training", [True, False])
@pytest.mark.parametrize("select_best", [True, False])
def test_a_loss_that_is_no_number_is_one_line(tmp_path: Path, in_training: bool, select_best: bool) -> None:
    model = linear()
    model.add(NoNumbers(in_training))
    plan = Plan(3, 5, 1e-3, 0.0, 0.9, 1, 1 / 127.5, -1.0, "tensorflow", select_best=select_best, patience_epochs=3)
    with pytest.raises(KitError, match="training diverged in epoch 1: the loss is nan: lower the learning rate"):
        trained(model, Split(IMAGES, LABELS), plan, tmp_path)
