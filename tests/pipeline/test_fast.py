"""The fast kernels compute what the plain layers compute, for every architecture.

In float64, because in float32 no two orders of summation agree here: a ReLU whose input is within rounding of its kink
passes a whole gradient or none. The plain float32 gradients are themselves up to 3e-2 (relative L2) off the float64 ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

from kit.pipeline import backend, fast, models
from kit.pipeline.backend import keras, tf
from kit.pipeline.prune import _wrap
from kit.study.architectures import ARCHITECTURES
from kit.study.preset import Schedule

RELATIVE_L2 = 1e-9
IMAGES = 7  # odd: the two parts of the batch differ in size


@pytest.fixture(scope="module", autouse=True)
def _deterministic() -> None:
    backend.configure(threads=1)


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    keras.backend.set_floatx("float64")
    yield
    keras.backend.set_floatx("float32")


def _results(model: Any, context: Any) -> tuple[float, list[Any], list[Any]]:
    """Loss, gradients and moving statistics of one step from the model's weights, which stay."""
    before = model.get_weights()
    for index, layer in enumerate(model.layers):
        if isinstance(layer, keras.layers.Dropout):
            layer._random_generator._generator.reset_from_seed(index)

    def step(images: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = keras.losses.CategoricalCrossentropy()(labels, model(images, training=True))
        return loss, tape.gradient(loss, model.trainable_weights)

    random = np.random.default_rng(5)
    images = tf.constant(random.uniform(0, 255, (IMAGES, 32, 32, 3)))
    labels = tf.constant(np.eye(10)[random.integers(0, 10, IMAGES)])
    signature = [tf.TensorSpec([None, 32, 32, 3], tf.float64), tf.TensorSpec([None, 10], tf.float64)]
    with context:
        traced = tf.function(step, input_signature=signature).get_concrete_function()
    loss, gradients = traced(images, labels)
    statistics = [weight.numpy() for weight in model.non_trainable_weights]
    model.set_weights(before)
    return float(loss), [tf.convert_to_tensor(gradient).numpy() for gradient in gradients], statistics


def _distance(values: list[Any], expected: list[Any]) -> float:
    difference = sum(float(((v - e) ** 2).sum()) for v, e in zip(values, expected, strict=True))
    return float(np.sqrt(difference / sum(float((e**2).sum()) for e in expected)))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_loss_gradients_and_statistics(name: str) -> None:
    model = models.build(name, seed=1)
    loss, gradients, statistics = _results(model, nullcontext())
    fast_loss, fast_gradients, fast_statistics = _results(model, fast.kernels())

    assert fast_loss == pytest.approx(loss, rel=RELATIVE_L2)
    assert _distance(fast_gradients, gradients) < RELATIVE_L2
    largest = max(np.abs(gradient).max() for gradient in gradients)
    for weight, plain, other in zip(model.trainable_weights, gradients, fast_gradients, strict=True):
        assert np.abs(plain - other).max() <= RELATIVE_L2 * largest, weight.name
    assert _distance(fast_statistics, statistics) < 1e-7  # Keras holds 1 - momentum in float32


def test_moving_averages_of_the_fused_normalization() -> None:
    keras.backend.set_floatx("float32")  # there is no fused one in float64
    layer = keras.layers.BatchNormalization(momentum=0.9, axis=3)
    images = tf.constant(np.random.default_rng(5).normal(3.0, 2.0, (5, 2, 2, 8)), tf.float32)
    layer.build(images.shape)
    assert layer.fused
    before = layer.get_weights()

    def weights_after_a_step() -> list[Any]:
        layer.set_weights(before)
        tf.function(lambda: layer(images, training=True))()
        return [weight.numpy() for weight in layer.weights]

    plain = weights_after_a_step()
    with fast.kernels():
        other = weights_after_a_step()
    for weight, expected in zip(other, plain, strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-6)


def test_leaving_the_context_restores_the_plain_layers() -> None:
    model = models.build("mobilenet_v3_small", seed=1)

    def convolutions() -> list[str]:
        function = tf.function(lambda image: model(image, training=True))
        graph = function.get_concrete_function(tf.TensorSpec([None, 32, 32, 3], tf.float64)).graph
        return [operation.type for operation in graph.get_operations() if "Conv2" in operation.type]

    plain = convolutions()
    assert plain.count("Conv2D") == 43
    with fast.kernels():
        assert convolutions().count("Conv2D") == fast.PARTS  # the 3x3 stem, once a part
    assert convolutions() == plain
    with pytest.raises(KeyError), fast.kernels():
        raise KeyError
    assert convolutions() == plain


def test_pruned_layers() -> None:
    layers = keras.layers
    inputs = keras.Input((32, 32, 3))
    outputs = layers.Conv2D(8, 3, strides=2, use_bias=False)(inputs)
    for width in (16, 10):
        outputs = layers.DepthwiseConv2D(3, padding="same")(layers.ReLU(6.0)(layers.BatchNormalization()(outputs)))
        outputs = layers.Conv2D(width, 1, activation="swish")(outputs)
    model = keras.Model(inputs, layers.Softmax()(layers.GlobalAveragePooling2D()(outputs)))
    pruned, _ = _wrap(model, 0.5, Schedule(steps=2, epochs=1), 2, depthwise=False)
    loss, gradients, _ = _results(pruned, nullcontext())
    fast_loss, fast_gradients, _ = _results(pruned, fast.kernels())
    assert fast_loss == pytest.approx(loss, rel=RELATIVE_L2)
    assert _distance(fast_gradients, gradients) < RELATIVE_L2
