"""What makes training fast on a CPU: other kernels for the same arithmetic, while :func:`kernels` is entered.

Either the kit's compiled operations (`kit.stages.tensorflow.ops`), or TensorFlow's own with two rearrangements: a 1x1
convolution becomes a matrix product, because the gradient of a convolution packs its filter once per image, and swish keeps
its sigmoid.

Layers keep class, weights and configuration: a model that was trained this way is stored and converted as the plain one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kit.stages.tensorflow.backend import keras, tf
from kit.stages.tensorflow.ops.swap import Call, Swaps, Tensor, swish
from kit.stages.values import TrainingOps

layers = keras.layers


@tf.custom_gradient
def _pointwise(images: Tensor, kernel: Tensor) -> Any:
    """1x1 convolution as matrix products: [N,H,W,I], kernel [1,1,I,O] -> [N,H,W,O]."""
    height, width, channels = images.shape[1:]
    filters = kernel.shape[3]
    weights = tf.reshape(kernel, [channels, filters])
    rows = tf.reshape(images, [-1, channels])

    def gradient(delta: Tensor) -> Any:
        deltas = tf.reshape(delta, [-1, filters])
        inputs = tf.reshape(tf.matmul(deltas, weights, transpose_b=True), [-1, height, width, channels])
        return inputs, tf.reshape(tf.matmul(rows, deltas, transpose_a=True), kernel.shape)

    return tf.reshape(tf.matmul(rows, weights), [-1, height, width, filters]), gradient


def _convolution(plain: Call) -> Call:
    """Conv2D.call."""

    def call(layer: Any, inputs: Tensor) -> Tensor:
        if (layer.kernel_size, layer.strides, layer.groups, layer.data_format) != ((1, 1), (1, 1), 1, "channels_last"):
            return plain(layer, inputs)
        outputs = _pointwise(inputs, tf.convert_to_tensor(layer.kernel))
        if layer.use_bias:
            outputs = tf.nn.bias_add(outputs, layer.bias)
        return outputs if layer.activation is None else _activated(layer.activation, outputs)

    return call


def _activated(function: Call, values: Tensor) -> Tensor:
    return swish(values) if function is keras.activations.swish else function(values)


def _activation(plain: Call) -> Call:
    """Activation.call."""
    return lambda layer, inputs: _activated(layer.activation, inputs)


_REARRANGED: Swaps = ((layers.Conv2D, "call", _convolution), (layers.Activation, "call", _activation))


def _swaps(training_ops: str) -> Swaps:
    if training_ops == "tensorflow":
        return _REARRANGED
    from kit.stages.tensorflow.ops.layers import SWAPS

    return SWAPS


def described(training_ops: str) -> TrainingOps:
    """What a record says of the operations that trained."""
    if training_ops == "tensorflow":
        return TrainingOps(training_ops)
    from kit.stages.tensorflow.ops import library

    return TrainingOps(training_ops, **library.described())


@contextmanager
def kernels(training_ops: str) -> Iterator[None]:
    """Trace a training graph with the kernels of a preset's `training_ops`, "compiled" or "tensorflow".

    Leaving the context restores every layer's own. Raises KitError if there is no compiled library.
    """
    swaps = _swaps(training_ops)
    own = [(owner, name, owner.__dict__.get(name)) for owner, name, _ in swaps]  # None: inherited
    for owner, name, other in swaps:
        setattr(owner, name, tf.autograph.experimental.do_not_convert(other(getattr(owner, name))))
    try:
        yield
    finally:
        for owner, name, method in own:
            if method is None:
                delattr(owner, name)
            else:
                setattr(owner, name, method)
