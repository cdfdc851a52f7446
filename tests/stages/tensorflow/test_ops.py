"""The compiled operations against float64, the guards before them, and their bits on each instruction set."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kit.errors import KitError
from kit.stages.tensorflow import kernels
from kit.stages.tensorflow.backend import keras, tf
from kit.stages.tensorflow.ops import build, convolution, library, normalization

layers = keras.layers
SEED = 7
NEAR = 2e-5  # relative to the largest value


def _values(*shape: int) -> Any:
    return np.random.default_rng(SEED).normal(0.5, 1.0, shape).astype(np.float32)


def _gradients(function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """The result and the gradients of a sum over it, as numpy arrays."""
    tensors = [tf.constant(argument) for argument in arguments]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        result = function(*tensors)
        loss = tf.reduce_sum(tf.sin(3 * result))
    return [value.numpy() for value in (result, *tape.gradient(loss, tensors))]


def _assert_near(own: list[Any], expected: list[Any]) -> None:
    for value, other in zip(own, expected, strict=True):
        assert value.shape == other.shape
        assert np.abs(value - other).max(initial=0) <= NEAR * np.abs(other).max(initial=1e-6)


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 3, 2), (64, 300, 40), (13, 16, 33), (7, 257, 17), (0, 3, 4), (3, 0, 4)])
def test_products(shape: tuple[int, int, int]) -> None:
    rows, depth, columns = shape
    a, b = _values(rows, depth), _values(depth, columns)
    expected = a.astype(np.float64) @ b.astype(np.float64)
    _assert_near([convolution.product(tf.constant(a), tf.constant(b)).numpy()], [expected])
    _assert_near([convolution.product(tf.constant(a.T), tf.constant(b), transpose_a=True).numpy()], [expected])
    _assert_near([convolution.product(tf.constant(a), tf.constant(b.T), transpose_b=True).numpy()], [expected])


def _activations() -> list[Callable[[Any], Any]]:
    return [tf.identity, tf.nn.relu, tf.nn.relu6, lambda z: z * tf.nn.relu6(z + 3) / 6, tf.nn.silu]


@pytest.mark.parametrize("activation", range(5))
@pytest.mark.parametrize("shape", [(3, 5, 5, 24), (9, 1, 1, 960), (1, 3, 3, 7), (2, 1, 1, 1), (64, 4, 4, 40)])
def test_normalization(shape: tuple[int, ...], activation: int) -> None:
    x, gamma, beta = _values(*shape), _values(shape[-1]), _values(shape[-1])[::-1].copy()

    def own(x: Any, gamma: Any, beta: Any) -> Any:
        mean, variance = library.operations().kit_moments(x)
        return normalization.normalized(normalization.Normalized(x, mean, variance, gamma, beta, 1e-3), activation)

    def plain(x: Any, gamma: Any, beta: Any) -> Any:
        mean, variance = tf.nn.moments(x, [0, 1, 2])
        return _activations()[activation]((x - mean) * gamma / tf.sqrt(variance + 1e-3) + beta)

    _assert_near(_gradients(own, x, gamma, beta), _gradients(plain, *(v.astype(np.float64) for v in (x, gamma, beta))))


_WINDOWS = [(3, 1, "same"), (5, 2, "same"), (3, 2, "valid"), (4, 3, "same")]
_SIZES = [1, 2, 4, 9]


@pytest.mark.parametrize("channels", [1, 8, 24, 33])
@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"),
    [(size, *window) for size in _SIZES for window in _WINDOWS if window[2] == "same" or size >= window[0]],
)
def test_depthwise_layer(channels: int, size: int, kernel: int, stride: int, padding: str) -> None:
    layer = layers.DepthwiseConv2D(kernel, strides=stride, padding=padding)
    x = _values(3, size, size, channels)
    layer.build(x.shape)
    weights = layer.depthwise_kernel.numpy()

    def plain(x: Any) -> Any:
        return tf.nn.depthwise_conv2d(x, weights.astype(np.float64), [1, stride, stride, 1], padding.upper())

    with kernels.kernels("compiled"):
        own = _gradients(layer, x)
    _assert_near(own, _gradients(plain, x.astype(np.float64)))


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 2, "same"), (3, 1, "valid"), (1, 1, "same"), (1, 2, "same")])
def test_convolution_layer(kernel: int, stride: int, padding: str) -> None:
    layer = layers.Conv2D(5, kernel, strides=stride, padding=padding, activation="swish")
    x = _values(2, 7, 6, 3)
    expected = _gradients(layer, x)
    with kernels.kernels("compiled"):
        _assert_near(_gradients(layer, x), expected)


@pytest.mark.parametrize(
    "layer",
    [
        layers.DepthwiseConv2D(3, depth_multiplier=2),
        layers.DepthwiseConv2D(3, dilation_rate=2),
        layers.Conv2D(4, 3, groups=2),
        layers.Conv2D(4, 3, dilation_rate=2),
        layers.BatchNormalization(axis=2),
        layers.BatchNormalization(renorm=True),
        layers.ReLU(max_value=4.0, negative_slope=0.5),
        layers.Dense(3),  # of four dimensions
    ],
    ids=lambda layer: layer.name,
)
def test_others_stay_plain(layer: Any) -> None:
    x = tf.constant(_values(2, 6, 6, 4))
    layer(x)

    def kinds() -> set[str]:
        graph = tf.function(lambda: layer(x, training=True) if "batch" in layer.name else layer(x))
        return {operation.type for operation in graph.get_concrete_function().graph.get_operations()}

    plain = kinds()
    with kernels.kernels("compiled"):
        assert kinds() == plain
    assert not any(kind.startswith("Kit") for kind in plain)


def test_other_types_stay_plain() -> None:
    for kind in ("float64", "float16"):
        layer = layers.DepthwiseConv2D(3, dtype=kind)
        with kernels.kernels("compiled"):
            assert layer(tf.ones([1, 4, 4, 2], kind)).dtype == kind


def test_what_does_not_fit_is_an_error() -> None:
    operations, ones = library.operations(), tf.ones
    window = {f"{what}_{side}": 1 for what in ("kernel", "stride", "out") for side in ("height", "width")}
    wrong = [
        lambda: operations.kit_product(ones([2, 3]), ones([2, 3]), transpose_a=0, transpose_b=0),
        lambda: operations.kit_product(ones([2]), ones([2, 3]), transpose_a=0, transpose_b=0),
        lambda: operations.kit_moments(ones([0, 3])),
        lambda: operations.kit_norm(ones([2, 3]), *([ones([4])] * 4), activation=0, epsilon=0.1),
        lambda: operations.kit_norm(ones([2, 3]), *([ones([3])] * 4), activation=9, epsilon=0.1),
        lambda: operations.kit_depthwise(ones([1, 4, 4, 2]), ones([3, 3, 2, 1]), **window, top=0, left=0),
        lambda: operations.kit_patches(ones([1, 4, 4, 2]), **window, top=-1, left=0),
        lambda: operations.kit_scale(ones([2, 2, 2, 3]), ones([1, 1, 1, 3])),
    ]
    for call in wrong:
        with pytest.raises(tf.errors.InvalidArgumentError):
            call()


def test_nothing_becomes_a_number_again() -> None:
    """Training must be seen to diverge: a NaN passes every activation."""
    one, nan = tf.ones([1]), tf.fill([1, 1, 1, 1], np.nan)
    for activation in range(5):
        result = library.operations().kit_norm(nan, one, one, one, one, activation=activation, epsilon=0.1)
        assert np.isnan(result.numpy()).all()


def test_without_the_library_training_stops(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    library.operations.cache_clear()
    monkeypatch.setattr(build, "path", lambda: tmp_path / "kitops.so")
    with pytest.raises(KitError, match=r"not built: run `make .venv/ready` or .* training_ops"):
        library.operations()
    monkeypatch.undo()
    library.operations()


_TRAIN = f"""
import hashlib
import numpy as np
from kit.stages.tensorflow import backend, kernels, models
from kit.stages.tensorflow.backend import keras, tf
from kit.stages.tensorflow.loop import Plan, _compile
backend.configure(1)
model = models.build("mobilenet_v3_small", seed=1)
optimizer = keras.optimizers.legacy.RMSprop(1e-3, momentum=0.9)
optimizer._create_all_weights(model.trainable_weights)
step, _ = _compile(model, optimizer, Plan(1, 8, 1e-3, 0.0, 0.9, 1, 1 / 127.5, -1.0))
random = np.random.default_rng({SEED})
for _ in range(3):
    step(tf.constant(random.integers(0, 256, (3, 32, 32, 3), np.uint8)), tf.constant(random.integers(0, 10, 3, np.uint8)))
weights = b"".join(weight.numpy().tobytes() for weight in model.weights)
print("TRAINED", kernels.described("compiled").isa, hashlib.sha256(weights).hexdigest())
"""


def _trained(isa: str) -> tuple[str, str]:
    """The instruction set that computed, and the digest of all weights after three steps in a process of its own."""
    environment = os.environ | {"KIT_OPS_ISA": isa}
    done = subprocess.run([sys.executable, "-c", _TRAIN], env=environment, capture_output=True, text=True, check=False)
    if "this processor has no" in done.stderr:
        pytest.skip(f"no {isa} here")
    assert done.returncode == 0, done.stderr
    _, found, digest = next(line for line in done.stdout.splitlines() if line.startswith("TRAINED")).split()
    return found, digest


def test_the_same_bits_in_two_processes() -> None:
    assert _trained("") == _trained("")


@pytest.mark.skipif(build.machine() != "x86_64", reason="one instruction set only")
@pytest.mark.parametrize("isa", ["avx512", "avx2", "sse2"])
def test_the_same_bits_on_every_instruction_set(isa: str) -> None:
    found, digest = _trained(isa)
    assert found == isa
    assert digest == _trained("")[1]


def test_the_build_is_the_same_anywhere(tmp_path: Path) -> None:
    build.build(build.machine(), tmp_path / "again.so")
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (build.path(), tmp_path / "again.so")}
    assert len(digests) == 1
    if build.machine() == "x86_64":
        build.build("aarch64", tmp_path / "other.so")
