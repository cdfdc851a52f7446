"""What makes training fast on a CPU: other kernels for the same arithmetic, while :func:`kernels` is entered.

Every batch runs as two parts, which keeps what one part needs in a core's cache and lets two operations run side by side
where a process has more than one inter-op thread; only batch normalization joins the parts' statistics. A 1x1 convolution
becomes a matrix product, because the gradient of a convolution packs its filter once per image. The number of parts is
fixed, so the numbers do not depend on how many cores there are.

Layers keep class, weights and configuration: a model that was trained this way is stored and converted as the plain one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tf_keras.src.layers.core.tf_op_layer import TFOpLambda

from kit.pipeline.backend import keras, tf

PARTS = 2  # fixed, not the number of cores: the order of sums, and so the last bits of every weight, depend on it
_PARTS_ATTRIBUTE = "_kit_parts"

layers = keras.layers
_PER_IMAGE = (
    (layers.ReLU, "call"),
    (layers.Add, "call"),
    (layers.Multiply, "call"),
    (layers.ZeroPadding2D, "call"),
    (layers.GlobalAveragePooling2D, "call"),
    (layers.Reshape, "call"),
    (layers.Flatten, "call"),
    (layers.Dense, "call"),
    (TFOpLambda, "_call_wrapper"),
)

Tensor = Any  # tf.Tensor; TensorFlow carries no types
Call = Callable[..., Tensor]


def _split(batch: Tensor) -> tuple[Tensor, ...]:
    """[N, ...] -> PARTS tensors [~N/PARTS, ...]; those that `batch` was joined from, if it was."""
    known: tuple[Tensor, ...] | None = getattr(batch, _PARTS_ATTRIBUTE, None)
    if known is not None:
        return known
    images = tf.shape(batch)[0]
    parts = tuple(batch[images * i // PARTS : images * (i + 1) // PARTS] for i in range(PARTS))
    for part in parts:
        part.set_shape([None, *batch.shape[1:]])
    return parts


def _join(parts: tuple[Tensor, ...]) -> Tensor:
    """Parts -> [N, ...]; where the next layer takes the parts, nobody reads the whole and TensorFlow drops the copy."""
    batch = tf.concat(parts, 0)
    setattr(batch, _PARTS_ATTRIBUTE, parts)
    if hasattr(parts[0], "_keras_logits"):  # the mark by which Keras takes the cross-entropy from what softmax was given
        batch._keras_logits = tf.concat([part._keras_logits for part in parts], 0)
    return batch


def _is_joined(value: Any) -> bool:
    return tf.is_tensor(value) and hasattr(value, _PARTS_ATTRIBUTE)


def _has_images(value: Any) -> bool:
    return tf.is_tensor(value) and (_is_joined(value) or (value.shape.rank == 4 and value.shape[0] != 1))


def _per_image(plain: Call) -> Call:
    """A layer that treats each image by itself: run it on each part."""

    def call(layer: Any, *args: Any, **kwargs: Any) -> Tensor:
        if not any(_is_joined(value) for value in tf.nest.flatten((args, kwargs))):
            return plain(layer, *args, **kwargs)

        def part(index: int) -> Tensor:
            own_args, own_kwargs = tf.nest.map_structure(
                lambda value: _split(value)[index] if _has_images(value) else value, (args, kwargs)
            )
            return plain(layer, *own_args, **own_kwargs)

        return _join(tuple(part(index) for index in range(PARTS)))

    return call


@tf.custom_gradient
def _pointwise(kernel: Tensor, *parts: Tensor) -> Any:
    """1x1 convolution as matrix products: kernel [1,1,I,O], parts [n,H,W,I] -> parts [n,H,W,O]."""
    height, width, channels = parts[0].shape[1:]
    filters = kernel.shape[3]
    weights = tf.reshape(kernel, [channels, filters])
    rows = [tf.reshape(part, [-1, channels]) for part in parts]
    outputs = tuple(tf.reshape(tf.matmul(row, weights), [-1, height, width, filters]) for row in rows)

    def gradient(*upstream: Tensor) -> Any:
        deltas = [tf.reshape(delta, [-1, filters]) for delta in upstream]
        inputs = [tf.reshape(tf.matmul(delta, weights, transpose_b=True), [-1, height, width, channels]) for delta in deltas]
        if height * width == 1:  # joining the few rows costs less than adding up whole weight gradients
            products = tf.matmul(tf.concat(rows, 0), tf.concat(deltas, 0), transpose_a=True)
        else:
            products = tf.add_n([tf.matmul(r, d, transpose_a=True) for r, d in zip(rows, deltas, strict=True)])
        return tf.reshape(products, kernel.shape), *inputs

    return outputs, gradient


def _convolution(plain: Call) -> Call:
    """Conv2D.call; the first convolution of a network is where the batch is split."""

    def call(layer: Any, inputs: Tensor) -> Tensor:
        parts = _split(inputs)
        if (layer.kernel_size, layer.strides, layer.groups, layer.data_format) != ((1, 1), (1, 1), 1, "channels_last"):
            return _join(tuple(plain(layer, part) for part in parts))
        return _finished(layer, _pointwise(tf.convert_to_tensor(layer.kernel), *parts))

    return call


def _finished(layer: Any, parts: tuple[Tensor, ...]) -> Tensor:
    """What a convolution does after the convolution itself."""
    if layer.use_bias:
        parts = tuple(tf.nn.bias_add(part, layer.bias) for part in parts)
    if layer.activation is not None:
        parts = tuple(_activated(layer.activation, part) for part in parts)
    return _join(parts)


@tf.custom_gradient
def _whole_map(weights: Tensor, part: Tensor) -> Any:
    """Depthwise kernel [k,k,C] over maps of its own size [n,k,k,C] -> [n,1,1,C]."""
    options = {"strides": [1, 1, 1, 1], "padding": "VALID"}
    kernel = weights[..., None]

    def gradient(delta: Tensor) -> Any:
        products = tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
            input=part, filter_sizes=tf.shape(kernel), out_backprop=delta, **options
        )
        return products[..., 0], delta * weights  # TensorFlow's own input gradient takes 8 times as long

    return tf.nn.depthwise_conv2d(part, kernel, **options), gradient


def _depthwise(plain: Call) -> Call:
    """DepthwiseConv2D.call; where only one output pixel is left, it is a product with the kernel."""
    each = _per_image(plain)

    def call(layer: Any, inputs: Tensor) -> Tensor:
        size = tuple(inputs.shape[1:3])
        ordinary = layer.depth_multiplier == 1 and layer.data_format == "channels_last" and layer.dilation_rate == (1, 1)
        if ordinary and layer.padding == "same" and size == (1, 1):  # of the kernel, only the centre meets the map
            weights = tf.convert_to_tensor(layer.depthwise_kernel)[
                layer.kernel_size[0] // 2, layer.kernel_size[1] // 2, :, 0
            ]
            return _finished(layer, tuple(part * weights for part in _split(inputs)))
        if ordinary and layer.padding == "valid" and size == layer.kernel_size:
            weights = tf.convert_to_tensor(layer.depthwise_kernel)[..., 0]
            return _finished(layer, tuple(_whole_map(weights, part) for part in _split(inputs)))
        return each(layer, inputs)

    return call


@tf.custom_gradient
def _swish(values: Tensor) -> Any:
    """x * sigmoid(x), any shape; TensorFlow's own computes the sigmoid again for the gradient."""
    sigmoid = tf.sigmoid(values)
    outputs = values * sigmoid
    return outputs, lambda delta: delta * (sigmoid + outputs * (1.0 - sigmoid))


def _activated(function: Call, values: Tensor) -> Tensor:
    return _swish(values) if function is keras.activations.swish else function(values)


def _activation(plain: Call) -> Call:
    """Activation.call."""
    return _per_image(lambda layer, inputs: _activated(layer.activation, inputs))


@tf.custom_gradient
def _normalize(epsilon: Tensor, gamma: Tensor, beta: Tensor, *parts: Tensor) -> Any:
    """Batch normalization over all parts [n,H,W,C] -> the normalized parts, mean [C], variance [C], number of values."""
    axes = [0, 1, 2]
    count = tf.cast(tf.add_n([tf.size(part) for part in parts]) // parts[0].shape[3], parts[0].dtype)

    def total(values: list[Tensor]) -> Tensor:
        return tf.add_n([tf.reduce_sum(value, axes) for value in values])

    mean = total(list(parts)) / count
    variance = total([tf.math.squared_difference(part, mean) for part in parts]) / count
    inverse = tf.math.rsqrt(variance + epsilon)
    scale = gamma * inverse
    shift = beta - mean * scale
    outputs = tuple(part * scale + shift for part in parts)

    def gradient(*upstream: Tensor) -> Any:
        deltas = upstream[:PARTS]  # the statistics only feed the moving averages
        beta_gradient = total(list(deltas))
        products = total([delta * part for delta, part in zip(deltas, parts, strict=True)])
        gamma_gradient = (products - mean * beta_gradient) * inverse
        slope = scale * inverse * gamma_gradient / count
        offset = mean * slope - scale * beta_gradient / count
        inputs = [delta * scale - (part * slope - offset) for delta, part in zip(deltas, parts, strict=True)]
        return None, gamma_gradient, beta_gradient, *inputs

    return (*outputs, mean, variance, count), gradient


def _normalization(plain: Call) -> Call:
    """BatchNormalization.call in training."""

    def call(layer: Any, inputs: Tensor, training: Any = None, mask: Tensor = None) -> Tensor:
        ordinary = inputs.shape.rank == 4 and list(layer.axis) == [3] and not (layer.renorm or layer.virtual_batch_size)
        if training not in (True, 1) or not ordinary:
            return plain(layer, inputs, training=training, mask=mask)
        channels = inputs.shape[3]
        gamma = tf.convert_to_tensor(layer.gamma) if layer.scale else tf.ones([channels], inputs.dtype)
        beta = tf.convert_to_tensor(layer.beta) if layer.center else tf.zeros([channels], inputs.dtype)
        *outputs, mean, variance, count = _normalize(tf.constant(layer.epsilon, inputs.dtype), gamma, beta, *_split(inputs))
        if layer.fused:  # the fused operation's moving variance is of the unbiased one
            variance *= count / tf.maximum(count - 1.0, 1.0)
        for moving, current in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
            moving.assign_sub((moving - tf.stop_gradient(current)) * (1.0 - layer.momentum))
        return _join(tuple(outputs))

    return call


def _dropout(plain: Call) -> Call:
    """Dropout.call; one mask is drawn for the whole batch, so that the number of parts does not change the draws."""

    def call(layer: Any, inputs: Tensor, training: Any = None) -> Tensor:
        if not _is_joined(inputs):
            return plain(layer, inputs, training=training)
        sizes = inputs.shape[1:] if layer.noise_shape is None else layer.noise_shape[1:]
        mask = plain(layer, tf.ones([tf.shape(inputs)[0], *sizes], inputs.dtype), training=training)
        return _join(tuple(part * own for part, own in zip(_split(inputs), _split(mask), strict=True)))

    return call


@contextmanager
def kernels() -> Iterator[None]:
    """Trace a training graph with the fast kernels; leaving the context restores every layer's own."""
    swaps = [
        (layers.Conv2D, "call", _convolution),
        (layers.DepthwiseConv2D, "call", _depthwise),
        (layers.BatchNormalization, "call", _normalization),
        (layers.Activation, "call", _activation),
        (layers.Dropout, "call", _dropout),
        *((owner, name, _per_image) for owner, name in _PER_IMAGE),
    ]
    own = [(owner, name, owner.__dict__.get(name)) for owner, name, _ in swaps]  # None: inherited
    for owner, name, fast in swaps:
        setattr(owner, name, tf.autograph.experimental.do_not_convert(fast(getattr(owner, name))))
    try:
        yield
    finally:
        for owner, name, method in own:
            if method is None:
                delattr(owner, name)
            else:
                setattr(owner, name, method)
