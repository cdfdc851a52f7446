"""The fast kernels do the same arithmetic: loss, gradients and moving averages of one step, for all architectures."""

from typing import Any

import numpy as np
import pytest

from kit.pipeline import backend, fast, models
from kit.pipeline.backend import keras, tf
from kit.study.architectures import ARCHITECTURES

BATCH = 63  # odd, so that the two parts differ in size


@pytest.fixture(scope="module", autouse=True)
def _deterministic() -> None:
    backend.configure(threads=1)


def step(name: str, with_kernels: bool) -> tuple[Any, list[Any], dict[str, Any]]:
    """The loss, the gradient of every trainable weight, and every other weight after one training step.

    Weights are built anew with one seed and dropout is off, so both ways start from the same network.
    """
    model = models.build(name, seed=1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    generator = np.random.default_rng(1)
    known = ARCHITECTURES[name]
    pixels = generator.integers(0, 256, (BATCH, 32, 32, 3)).astype(np.float32)
    images = tf.constant((pixels * known.input_scale + known.input_offset).astype(np.float32))
    labels = tf.constant(generator.integers(0, 10, BATCH))

    @tf.function
    def graph(images: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = keras.losses.SparseCategoricalCrossentropy()(labels, model(images, training=True))
        return loss, tape.gradient(loss, model.trainable_weights)

    if with_kernels:
        with fast.kernels():
            traced = graph.get_concrete_function(images, labels)
    else:
        traced = graph.get_concrete_function(images, labels)
    loss, gradients = traced(images, labels)
    moving = {weight.name: weight.numpy() for weight in model.non_trainable_weights}
    return float(loss), [np.asarray(tf.convert_to_tensor(gradient)) for gradient in gradients], moving


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_one_step_is_the_same(name: str) -> None:
    plain_loss, plain_gradients, plain_moving = step(name, with_kernels=False)
    loss, gradients, moving = step(name, with_kernels=True)
    assert loss == pytest.approx(plain_loss, rel=1e-5)
    difference = np.sqrt(sum(float(((a - b) ** 2).sum()) for a, b in zip(gradients, plain_gradients, strict=True)))
    size = np.sqrt(sum(float((b**2).sum()) for b in plain_gradients))
    assert difference / size < 1e-3
    for key, value in plain_moving.items():
        np.testing.assert_allclose(moving[key], value, rtol=1e-3, atol=1e-4, err_msg=key)


def test_outside_the_context_the_plain_operations_are_traced() -> None:
    model = models.build("mobilenet", seed=1)
    shape = tf.TensorSpec([1, 32, 32, 3], tf.float32)
    with fast.kernels():
        pass
    operations = {operation.type for operation in tf.function(model).get_concrete_function(shape).graph.get_operations()}
    assert {"Conv2D", "DepthwiseConv2dNative"} <= operations
