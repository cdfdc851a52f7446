"""The fast kernels compute what the plain layers compute, for every architecture.

TensorFlow's rearranged operations in float64, because in float32 no two orders of summation agree here: a ReLU whose input
is within rounding of its kink passes a whole gradient or none. The compiled ones know float32 only: their gradients are
held to the plain float64 ones within rounding, on images that keep clear of every kink.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import pytest

from kit.stages.prune import _wrap
from kit.stages.tensorflow import kernels, models
from kit.stages.tensorflow.backend import keras, tf
from kit.study.architectures import ARCHITECTURES
from kit.study.settings import Schedule

RELATIVE_L2 = 1e-9
ROUNDING = 2e-4  # relative L2 of float32 gradients: 5e-6 without ReLUs, up to 1e-4 in 28 layers with them
DRAWS = range(5, 17)  # of images: most have a ReLU's input within rounding of its kink, which is worth 1e-3 to 4e-2
IMAGES = 7


@contextmanager
def _float64() -> Iterator[None]:
    keras.backend.set_floatx("float64")
    try:
        yield
    finally:
        keras.backend.set_floatx("float32")


@pytest.fixture
def double() -> Iterator[None]:
    with _float64():
        yield


Results = tuple[float, list[Any], list[Any]]


def _traced(model: Any, context: Any) -> Callable[[int], Results]:
    """One step, traced: from a draw of images to loss, gradients and moving statistics, always from the same weights."""
    dtype = model.inputs[0].dtype
    signature = [tf.TensorSpec([None, 32, 32, 3], dtype), tf.TensorSpec([None, 10], dtype)]

    def step(images: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = keras.losses.CategoricalCrossentropy()(labels, model(images, training=True))
        return loss, tape.gradient(loss, model.trainable_weights)

    with context:
        traced = tf.function(step, input_signature=signature).get_concrete_function()

    def results(draw: int) -> Results:
        before = model.get_weights()
        for index, layer in enumerate(model.layers):
            if isinstance(layer, keras.layers.Dropout):
                layer._random_generator._generator.reset_from_seed(index)
        random = np.random.default_rng(draw)
        images = tf.constant(random.uniform(0, 255, (IMAGES, 32, 32, 3)).astype(np.float32), dtype)
        labels = tf.constant(np.eye(10)[random.integers(0, 10, IMAGES)], dtype)
        loss, gradients = traced(images, labels)
        statistics = [weight.numpy() for weight in model.non_trainable_weights]
        model.set_weights(before)
        return float(loss), [tf.convert_to_tensor(gradient).numpy() for gradient in gradients], statistics

    return results


def _results(model: Any, context: Any) -> Results:
    return _traced(model, context)(DRAWS[0])


def _distance(values: list[Any], expected: list[Any]) -> float:
    difference = sum(float(((v - e) ** 2).sum()) for v, e in zip(values, expected, strict=True))
    return float(np.sqrt(difference / sum(float((e**2).sum()) for e in expected)))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_tensorflow_loss_gradients_and_statistics(name: str, double: None) -> None:
    model = models.build(name, seed=1)
    loss, gradients, statistics = _results(model, nullcontext())
    fast_loss, fast_gradients, fast_statistics = _results(model, kernels.kernels("tensorflow"))

    assert fast_loss == pytest.approx(loss, rel=RELATIVE_L2)
    assert _distance(fast_gradients, gradients) < RELATIVE_L2
    largest = max(np.abs(gradient).max() for gradient in gradients)
    for weight, plain, other in zip(model.trainable_weights, gradients, fast_gradients, strict=True):
        assert np.abs(plain - other).max() <= RELATIVE_L2 * largest, weight.name
    assert _distance(fast_statistics, statistics) < 1e-7  # Keras holds 1 - momentum in float32


def _undropped(name: str) -> Any:
    """The architecture without dropout, whose draws float32 and float64 do not share."""
    model = models.build(name, seed=1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return model


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_compiled_loss_gradients_and_statistics(name: str) -> None:
    model = _undropped(name)
    with _float64():
        exact_model = _undropped(name)
        exact_model.set_weights(model.get_weights())
        exact = _traced(exact_model, nullcontext())
    plain, fast = _traced(model, nullcontext()), _traced(model, kernels.kernels("compiled"))
    for draw in DRAWS:
        (loss, gradients, _), single, compiled = exact(draw), plain(draw), fast(draw)
        assert compiled[0] == pytest.approx(loss, rel=1e-5)
        assert _distance(compiled[2], single[2]) < 1e-5
        own = _distance(compiled[1], gradients)
        print(f"{name}, draw {draw}: gradients {_distance(single[1], gradients):.1e} plain, {own:.1e} compiled")
        if own < ROUNDING:
            break
    else:
        pytest.fail("no draw of images has gradients within rounding of the plain float64 ones")
    with kernels.kernels("compiled"):
        probabilities = tf.function(lambda images: model(images, training=False))(tf.ones([2, 32, 32, 3]))
    np.testing.assert_allclose(probabilities, model(tf.ones([2, 32, 32, 3]), training=False), rtol=1e-4)


def test_moving_averages_of_the_fused_normalization() -> None:
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
    with kernels.kernels("compiled"):
        other = weights_after_a_step()
    for weight, expected in zip(other, plain, strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-6)


@pytest.mark.parametrize("training_ops", ["compiled", "tensorflow"])
def test_leaving_the_context_restores_the_plain_layers(training_ops: str) -> None:
    model = models.build("mobilenet_v3_small", seed=1)
    before = [(type(layer), layer.get_config(), [weight.name for weight in layer.weights]) for layer in model.layers]

    def operations() -> list[str]:
        function = tf.function(lambda image: model(image, training=True))
        graph = function.get_concrete_function(tf.TensorSpec([None, 32, 32, 3], tf.float32)).graph
        return [operation.type for operation in graph.get_operations()]

    plain = operations()
    assert plain.count("Conv2D") == 43
    assert not any(kind.startswith("Kit") for kind in plain)
    with kernels.kernels(training_ops):
        swapped = operations()
    if training_ops == "compiled":
        assert (swapped.count("KitProduct"), swapped.count("KitDepthwise"), swapped.count("Conv2D")) == (43, 11, 0)
    else:
        assert swapped.count("Conv2D") == 1  # the 3x3 stem
    assert operations() == plain
    with pytest.raises(KeyError), kernels.kernels(training_ops):
        raise KeyError
    assert operations() == plain
    after = [(type(layer), layer.get_config(), [weight.name for weight in layer.weights]) for layer in model.layers]
    assert after == before


@pytest.mark.parametrize("training_ops", ["compiled", "tensorflow"])
def test_pruned_layers(training_ops: str) -> None:
    layers = keras.layers
    inputs = keras.Input((32, 32, 3))
    outputs = layers.Conv2D(8, 3, strides=2, use_bias=False)(inputs)
    for width in (16, 10):
        outputs = layers.DepthwiseConv2D(3, padding="same")(layers.ReLU(6.0)(layers.BatchNormalization()(outputs)))
        outputs = layers.Conv2D(width, 1, activation="swish")(outputs)
    model = keras.Model(inputs, layers.Softmax()(layers.GlobalAveragePooling2D()(outputs)))
    pruned, _ = _wrap(model, 0.5, Schedule(steps=2, epochs=1), 2, depthwise=False)
    loss, gradients, _ = _results(pruned, nullcontext())
    fast_loss, fast_gradients, _ = _results(pruned, kernels.kernels(training_ops))
    assert fast_loss == pytest.approx(loss, rel=1e-5)
    assert _distance(fast_gradients, gradients) < 1e-4
