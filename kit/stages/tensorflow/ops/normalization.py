"""Calls of Keras layers around batch normalization: its activation, residual, and squeeze-and-excite scale.

float32, channels last; a call that the operations are not made for stays the plain one.
"""

from __future__ import annotations

from typing import Any

from kit.stages.tensorflow.backend import keras, tf
from kit.stages.tensorflow.ops import library
from kit.stages.tensorflow.ops.notes import Clipped, Gate, Normalized, Shifted, is_map, note_of, noted
from kit.stages.tensorflow.ops.swap import Call, Tensor, swish

NONE, RELU, RELU6, HARD_SWISH, SWISH = range(5)  # kernels.h


def normalized(norm: Normalized, activation: int, residual: Tensor = None) -> Tensor:
    """activation(normalized inputs), plus `residual`; mean and variance as those of the inputs in the gradient."""
    operations = library.operations()
    options = {"activation": activation, "epsilon": norm.epsilon}

    def apply(inputs: Tensor, gamma: Tensor, beta: Tensor, *others: Tensor) -> Any:
        operation = operations.kit_norm_add if others else operations.kit_norm

        def gradient(delta: Tensor) -> Any:
            own = operations.kit_norm_gradient(delta, inputs, norm.mean, norm.variance, gamma, beta, **options)
            return (*own, *(delta for _ in others))

        return operation(inputs, norm.mean, norm.variance, gamma, beta, *others, **options), gradient

    others = [] if residual is None else [residual]
    return tf.custom_gradient(apply)(norm.inputs, norm.gamma, norm.beta, *others)


def normalization(plain: Call) -> Call:
    """BatchNormalization.call."""

    def call(layer: Any, inputs: Tensor, training: Any = None, mask: Tensor = None) -> Tensor:
        ordinary = (
            list(layer.axis) == [3] and not (layer.renorm or layer.virtual_batch_size) and training in (True, 1, False, 0)
        )
        if not (is_map(inputs) and ordinary):
            return plain(layer, inputs, training=training, mask=mask)
        channels = inputs.shape[3]
        gamma = tf.convert_to_tensor(layer.gamma) if layer.scale else tf.ones([channels])
        beta = tf.convert_to_tensor(layer.beta) if layer.center else tf.zeros([channels])
        if not training:
            mean, variance = tf.convert_to_tensor(layer.moving_mean), tf.convert_to_tensor(layer.moving_variance)
        else:
            mean, variance = library.operations().kit_moments(tf.stop_gradient(inputs))
            mean.set_shape([channels])
            variance.set_shape([channels])
            _move(layer, mean, variance, tf.cast(tf.size(inputs) // channels, tf.float32))
        note = Normalized(inputs, mean, variance, gamma, beta, layer.epsilon)
        return noted(normalized(note, NONE), note)

    return call


def _move(layer: Any, mean: Tensor, variance: Tensor, count: Tensor) -> None:
    """Take the statistics [C] of `count` values a channel into the layer's moving ones."""
    if layer.fused:  # the fused operation's moving variance is of the unbiased one
        variance = variance * (count / tf.maximum(count - 1.0, 1.0))
    for moving, current in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        moving.assign_sub((moving - current) * (1.0 - layer.momentum))


def activated(function: Call, values: Tensor) -> Tensor:
    if function is not keras.activations.swish:
        return function(values)
    norm = note_of(values, Normalized)
    return normalized(norm, SWISH) if norm else swish(values)


def relu(plain: Call) -> Call:
    """ReLU.call."""

    def call(layer: Any, inputs: Tensor) -> Tensor:
        if layer.threshold or layer.negative_slope or layer.max_value not in (None, 6):
            return plain(layer, inputs)
        norm, shifted = note_of(inputs, Normalized), note_of(inputs, Shifted)
        if norm:
            return normalized(norm, RELU if layer.max_value is None else RELU6)
        result = plain(layer, inputs)
        return noted(result, Clipped(shifted.of)) if shifted and layer.max_value else result

    return call


def operator(plain: Call) -> Call:
    """TFOpLambda: the additions and multiplications that a hard swish is written with."""

    def call(layer: Any, *args: Any, **kwargs: Any) -> Tensor:
        result = plain(layer, *args, **kwargs)
        values = tf.nest.flatten((args, kwargs))
        numbers = [value for value in values if isinstance(value, float)]
        name = layer.function.__name__
        for value in values:
            clipped = note_of(value, Clipped)
            if note_of(value, Normalized) and numbers == [3.0] and "add" in name:
                return noted(result, Shifted(value))
            if clipped and numbers == [1.0 / 6.0] and "mul" in name:
                return noted(result, Gate(clipped.of))
        return result

    return call


@tf.custom_gradient
def _scaled(images: Tensor, factors: Tensor) -> Any:
    """[N,H,W,C] x [N,1,1,C]."""
    operations = library.operations()

    def gradient(delta: Tensor) -> Any:
        return tuple(operations.kit_scale_gradient(delta, images, factors))

    return operations.kit_scale(images, factors), gradient


def multiply(plain: Call) -> Call:
    """Multiply.call: the end of a hard swish, or a squeeze-and-excite block's scale."""

    def call(layer: Any, inputs: Any) -> Tensor:
        first: Any
        second: Any
        first, second = inputs if len(inputs) == 2 else (None, None)
        norm, gate = note_of(first, Normalized), note_of(second, Gate)
        if norm and gate and gate.of is first:
            return normalized(norm, HARD_SWISH)
        if is_map(first) and is_map(second) and second.shape[1:] == (1, 1, first.shape[3]) != first.shape[1:]:
            return _scaled(first, second)
        return plain(layer, inputs)

    return call


def add(plain: Call) -> Call:
    """Add.call."""

    def call(layer: Any, inputs: Any) -> Tensor:
        if len(inputs) == 2 and inputs[0].shape[1:] == inputs[1].shape[1:]:
            for value, residual in (inputs, inputs[::-1]):
                norm = note_of(value, Normalized)
                if norm:
                    return normalized(norm, NONE, residual)
        return plain(layer, inputs)

    return call


def activation(plain: Call) -> Call:
    """Activation.call."""
    return lambda layer, inputs: activated(layer.activation, inputs)
