"""Which methods of Keras' layers call the compiled operations, and by what."""

from __future__ import annotations

from tf_keras.src.layers.core.tf_op_layer import TFOpLambda

from kit.stages.tensorflow.backend import keras
from kit.stages.tensorflow.ops import convolution, normalization
from kit.stages.tensorflow.ops.swap import Swaps

layers = keras.layers

SWAPS: Swaps = (
    (layers.Activation, "call", normalization.activation),
    (layers.Add, "call", normalization.add),
    (layers.BatchNormalization, "call", normalization.normalization),
    (layers.Conv2D, "call", convolution.convolution),
    (layers.Dense, "call", convolution.dense),
    (layers.DepthwiseConv2D, "call", convolution.depthwise),
    (layers.Multiply, "call", normalization.multiply),
    (layers.ReLU, "call", normalization.relu),
    (layers.ZeroPadding2D, "call", convolution.padding),
    (TFOpLambda, "_call_wrapper", normalization.operator),
)
