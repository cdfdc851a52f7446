"""The training loop, for training and for pruning: deterministic, and byte-identical when resumed after any epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from kit import store
from kit.datasets.splits import Split
from kit.errors import KitError
from kit.runs.stage import StageProgress
from kit.stages.tensorflow import kernels
from kit.stages.tensorflow.backend import keras, tf
from kit.stages.values import Epoch

PROGRESS_STEPS = 25


class Plan(Struct, frozen=True):
    """What the loop needs to know. The learning rate falls linearly, step by step, from the first rate to the final one.

    `class_weights` are what an image of each class counts in the loss that is trained on, not in the one that is measured.
    With `select_best` the weights of the epoch with the lowest loss on the selection split are kept, and training stops
    when that was `patience_epochs` ago; otherwise the last epoch's weights are the result.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    final_learning_rate: float
    momentum: float
    seed: int
    input_scale: float
    input_offset: float
    training_ops: str = "compiled"
    class_weights: tuple[float, ...] | None = None
    select_best: bool = False
    patience_epochs: int = 0


class TrainingState(Struct):
    """Everything needed to resume training besides the weights and the optimizer's slots."""

    fingerprint: str
    history: list[Epoch] = []
    best_epoch: int = -1

    def is_over(self, plan: Plan) -> bool:
        done = len(self.history)
        out_of_patience = plan.select_best and self.best_epoch >= 0 and done - 1 - self.best_epoch >= plan.patience_epochs
        return done >= plan.epochs or out_of_patience


def fit(
    model: Any,
    train: Split,
    selection: Split,
    plan: Plan,
    checkpoint: Path,
    fingerprint: str,
    progress: StageProgress,
    after_epoch: Callable[[], dict[str, float]] = dict,
) -> TrainingState:
    """Train `model` in place and return the state with the history of all epochs.

    After each epoch everything is written to `checkpoint`; one with the same `fingerprint` is resumed where it stopped.
    `after_epoch` is called before that, and what it returns is kept in the history. Raises KitError if the loss on either
    split isn't finite.
    """
    steps = math.ceil(len(train) / plan.batch_size)
    rate = keras.optimizers.schedules.PolynomialDecay(plan.learning_rate, steps * plan.epochs, plan.final_learning_rate)
    optimizer = keras.optimizers.legacy.RMSprop(rate, momentum=plan.momentum)
    optimizer._create_all_weights(model.trainable_weights)  # a checkpoint needs them before the first step
    step, measure = _compile(model, optimizer, plan, train.labels.dtype)

    state, best = _restore(checkpoint, fingerprint, model, optimizer)
    while not state.is_over(plan):
        epoch = len(state.history)
        order = np.random.default_rng([plan.seed, epoch]).permutation(len(train))
        _reseed_dropout(model, plan.seed, epoch)

        loss_sum = correct = 0.0
        for index in range(steps):
            batch = order[index * plan.batch_size : (index + 1) * plan.batch_size]
            loss, right = step(tf.constant(train.images[batch]), tf.constant(train.labels[batch]))
            loss_sum += float(loss) * len(batch)
            correct += float(right)
            if index % PROGRESS_STEPS == 0:
                seen = index * plan.batch_size + len(batch)
                note = f"epoch {epoch + 1}/{plan.epochs} loss {loss_sum / seen:.3f}"
                progress(epoch * steps + index, plan.epochs * steps, note)

        _refuse_diverged(epoch, loss_sum)
        extra = after_epoch()
        selection_loss, selection_top1 = _over(measure, selection)
        _refuse_diverged(epoch, selection_loss)
        state.history.append(Epoch(loss_sum / len(train), correct / len(train), selection_loss, selection_top1, extra))
        if plan.select_best and selection_loss <= min(e.selection_loss for e in state.history):
            state.best_epoch = epoch
            best = [weight.numpy() for weight in model.weights]
        _save(checkpoint, state, model, optimizer, best)

    if plan.select_best:
        for weight, value in zip(model.weights, best, strict=True):
            weight.assign(value)
    return state


def _refuse_diverged(epoch: int, loss: float) -> None:
    if not math.isfinite(loss):
        raise KitError(f"training diverged in epoch {epoch + 1}: the loss is {loss}", "lower the learning rate")


def measured(model: Any, train: Split, selection: Split, plan: Plan) -> Epoch:
    """A trained model as it is, on both splits: what an epoch that trains nothing would leave."""
    _, measure = _compile(model, keras.optimizers.legacy.RMSprop(), plan, train.labels.dtype)
    return Epoch(*_over(measure, train), *_over(measure, selection))


def _compile(model: Any, optimizer: Any, plan: Plan, labels: Any = tf.uint8) -> tuple[Any, Any]:
    """One training step and one measurement, each as a graph over a batch of any size: uint8 images, and `labels` of that
    type."""
    cross_entropy = keras.losses.SparseCategoricalCrossentropy()
    signature = [tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8), tf.TensorSpec([None], labels)]
    weights = None if plan.class_weights is None else tf.constant(plan.class_weights, tf.float32)

    def scaled(images: Any) -> Any:
        return tf.cast(images, tf.float32) * plan.input_scale + plan.input_offset

    def right(labels: Any, probabilities: Any) -> Any:
        hits = tf.equal(tf.argmax(probabilities, 1), tf.cast(labels, tf.int64))
        return tf.reduce_sum(tf.cast(hits, tf.float32))

    @tf.function(input_signature=signature)
    def step(images: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            probabilities = model(scaled(images), training=True)
            if weights is None:
                loss = cross_entropy(labels, probabilities)
            else:
                loss = cross_entropy(labels, probabilities, tf.gather(weights, tf.cast(labels, tf.int32)))
        gradients = tape.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        return loss, right(labels, probabilities)

    @tf.function(input_signature=signature)
    def measure(images: Any, labels: Any) -> Any:
        probabilities = model(scaled(images), training=False)
        return cross_entropy(labels, probabilities), right(labels, probabilities)

    with kernels.kernels(plan.training_ops):  # without this line the same arithmetic runs on TensorFlow's own kernels
        return step.get_concrete_function(), measure.get_concrete_function()


def _over(measure: Any, split: Split, batch_size: int = 250) -> tuple[float, float]:
    """Mean loss and top-1 over a split."""
    loss_sum = correct = 0.0
    for start in range(0, len(split), batch_size):
        part = split[start : start + batch_size]
        loss, right = measure(tf.constant(part.images), tf.constant(part.labels))
        loss_sum += float(loss) * len(part)
        correct += float(right)
    return loss_sum / len(split), correct / len(split)


def _reseed_dropout(model: Any, seed: int, epoch: int) -> None:
    """Make each epoch's dropout a function of the seed and the epoch, so that no generator state has to be kept."""
    for index, layer in enumerate(model.layers):
        generator = getattr(getattr(layer, "_random_generator", None), "_generator", None)
        if generator is not None:
            generator.reset_from_seed(int(np.random.SeedSequence([seed, epoch, index]).generate_state(1)[0]))


def _save(path: Path, state: TrainingState, model: Any, optimizer: Any, best: list[Any]) -> None:
    from safetensors.numpy import save

    groups = {
        "model": [weight.numpy() for weight in model.weights],
        "optimizer": [slot.numpy() for slot in optimizer.weights],
        "best": best,
    }
    tensors = {
        f"{group}/{i:04d}": np.atleast_1d(value) for group, values in groups.items() for i, value in enumerate(values)
    }
    store.write(path, save(tensors, {"state": msgspec.json.encode(state).decode()}))


def _restore(path: Path, fingerprint: str, model: Any, optimizer: Any) -> tuple[TrainingState, list[Any]]:
    """Load the checkpoint into model and optimizer; a missing, damaged or foreign one means a fresh start."""
    from safetensors import SafetensorError, safe_open

    fresh = TrainingState(fingerprint, [], -1)
    if not path.is_file():
        return fresh, []
    try:
        with safe_open(path, "numpy") as stored:
            state = msgspec.json.decode(stored.metadata()["state"], type=TrainingState)
            tensors = {key: stored.get_tensor(key) for key in sorted(stored.keys())}
    except (SafetensorError, KeyError, msgspec.DecodeError):
        return fresh, []
    if state.fingerprint != fingerprint:
        return fresh, []

    def group(name: str) -> list[Any]:
        return [value for key, value in tensors.items() if key.startswith(name)]

    for variable, value in zip([*model.weights, *optimizer.weights], [*group("model/"), *group("optimizer/")], strict=True):
        variable.assign(value.reshape(variable.shape))
    best = [value.reshape(w.shape) for w, value in zip(model.weights, group("best/"), strict=False)]
    return state, best
