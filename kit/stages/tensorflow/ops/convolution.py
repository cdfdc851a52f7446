"""Calls of Keras layers that multiply with a kernel: convolutions, dense layers, and the padding before them.

float32, channels last; a call that the operations are not made for stays the plain one.
"""

from __future__ import annotations

from typing import Any

from kit.stages.tensorflow.backend import tf
from kit.stages.tensorflow.ops import library
from kit.stages.tensorflow.ops.normalization import activated
from kit.stages.tensorflow.ops.notes import Padded, is_map, note_of, noted
from kit.stages.tensorflow.ops.swap import Call, Tensor


def product(a: Tensor, b: Tensor, *, transpose_a: bool = False, transpose_b: bool = False) -> Tensor:
    """Matrices [R,K] and [K,C], or the transposed of them -> [R,C]."""
    result = library.operations().kit_product(a, b, transpose_a=int(transpose_a), transpose_b=int(transpose_b))
    result.set_shape([a.shape[1 if transpose_a else 0], b.shape[0 if transpose_b else 1]])
    return result


@tf.custom_gradient
def _multiplied(rows: Tensor, weights: Tensor) -> Any:
    """[R,I] x [I,O] -> [R,O]."""

    def gradient(delta: Tensor) -> Any:
        return product(delta, weights, transpose_b=True), product(rows, delta, transpose_a=True)

    return product(rows, weights), gradient


def _finished(layer: Any, outputs: Tensor) -> Tensor:
    """What a convolution or a dense layer does after its product."""
    if layer.use_bias:
        outputs = tf.nn.bias_add(outputs, layer.bias)
    return outputs if layer.activation is None else activated(layer.activation, outputs)


def dense(plain: Call) -> Call:
    """Dense.call."""

    def call(layer: Any, inputs: Tensor) -> Tensor:
        if inputs.shape.rank != 2 or inputs.dtype != tf.float32:
            return plain(layer, inputs)
        return _finished(layer, _multiplied(inputs, tf.convert_to_tensor(layer.kernel)))

    return call


def _window(layer: Any, inputs: Tensor) -> tuple[Tensor, dict[str, int]]:
    """What a convolution reads, without padding that comes before it, and the attributes of kernels.h's Window."""
    before = note_of(inputs, Padded) if layer.padding == "valid" else None
    images, padding = (before.of, before.padding) if before else (inputs, ((0, 0), (0, 0)))
    window: dict[str, int] = {}
    for axis, side, name in ((0, "top", "height"), (1, "left", "width")):
        size, kernel, stride = images.shape[1 + axis], layer.kernel_size[axis], layer.strides[axis]
        if layer.padding == "same":
            out = -(-size // stride)
            start = max((out - 1) * stride + kernel - size, 0) // 2
        else:
            start = padding[axis][0]
            out = (size + sum(padding[axis]) - kernel) // stride + 1
        window |= {f"kernel_{name}": kernel, f"stride_{name}": stride, side: start, f"out_{name}": out}
    return images, window


def _ordinary(layer: Any, inputs: Tensor) -> bool:
    known = layer.padding in ("same", "valid") and layer.data_format == "channels_last"
    return known and is_map(inputs) and tuple(layer.dilation_rate) == (1, 1)


def convolution(plain: Call) -> Call:
    """Conv2D.call: a product with the pixels, or with the patches that the kernel meets."""

    def call(layer: Any, inputs: Tensor) -> Tensor:
        if not _ordinary(layer, inputs) or layer.groups != 1:
            return plain(layer, inputs)
        images, window = _window(layer, inputs)
        height, width, filters = window["out_height"], window["out_width"], layer.filters
        kernel = tf.convert_to_tensor(layer.kernel)
        weights = tf.reshape(kernel, [-1, filters])
        if (layer.kernel_size, layer.strides) == ((1, 1), (1, 1)) and images is inputs:
            outputs = _multiplied(tf.reshape(images, [-1, images.shape[3]]), weights)
        else:
            outputs = _multiplied(_patches(images, kernel, window), weights)
        return _finished(layer, tf.reshape(outputs, [-1, height, width, filters]))

    return call


def _patches(images: Tensor, kernel: Tensor, window: dict[str, int]) -> Tensor:
    """[N,H,W,C] -> [N * out_height * out_width, kernel_height * kernel_width * C]; TensorFlow's own gradient."""
    sizes = [1, window["kernel_height"], window["kernel_width"], 1]
    strides = [1, window["stride_height"], window["stride_width"], 1]
    height, width, channels = images.shape[1:]
    below = (window["out_height"] - 1) * strides[1] + sizes[1] - height - window["top"]
    right = (window["out_width"] - 1) * strides[2] + sizes[2] - width - window["left"]

    @tf.custom_gradient
    def patches(values: Tensor) -> Any:
        def gradient(delta: Tensor) -> Any:
            around = [[0, 0], [window["top"], max(below, 0)], [window["left"], max(right, 0)], [0, 0]]
            with tf.GradientTape() as tape:
                tape.watch(values)
                parts = tf.image.extract_patches(tf.pad(values, around), sizes, strides, [1, 1, 1, 1], "VALID")
                rows = tf.reshape(parts, tf.shape(delta))
            return tape.gradient(rows, values, delta)

        result = library.operations().kit_patches(values, **window)
        result.set_shape([None, sizes[1] * sizes[2] * channels])
        return result, gradient

    return patches(images)


def padding(plain: Call) -> Call:
    """ZeroPadding2D.call."""

    def call(layer: Any, inputs: Tensor) -> Tensor:
        result = plain(layer, inputs)
        known = layer.data_format == "channels_last" and is_map(inputs)
        return noted(result, Padded(inputs, layer.padding)) if known else result

    return call


def depthwise(plain: Call) -> Call:
    """DepthwiseConv2D.call."""

    def call(layer: Any, inputs: Tensor) -> Tensor:
        if not _ordinary(layer, inputs) or layer.depth_multiplier != 1:
            return plain(layer, inputs)
        images, window = _window(layer, inputs)
        return _finished(layer, _met(images, tf.convert_to_tensor(layer.depthwise_kernel), window))

    return call


def _met(images: Tensor, kernel: Tensor, window: dict[str, int]) -> Tensor:
    """Images [N,H,W,C] and depthwise kernel [h,w,C,1] -> [N,out_height,out_width,C]."""
    operations = library.operations()

    @tf.custom_gradient
    def depthwise(images: Tensor, kernel: Tensor) -> Any:
        result = operations.kit_depthwise(images, kernel, **window)
        result.set_shape([images.shape[0], window["out_height"], window["out_width"], images.shape[3]])
        return result, lambda delta: tuple(operations.kit_depthwise_gradient(images, kernel, delta, **window))

    return depthwise(images, kernel)
