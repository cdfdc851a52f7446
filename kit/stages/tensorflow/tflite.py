"""A model as .tflite bytes, straight from a traced graph: no SavedModel is written on the way, nothing is traced twice.

The batch is fixed at 1: with a free one, MobileNet and EfficientNet compute shapes at run time, and tflite-runtime 2.14
then runs the whole file without XNNPACK. An interpreter can still resize the input of every file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from kit.stages.tensorflow.backend import keras, tf

CALIBRATED = ("int8", "integer")  # precisions that need images


def to_tflite(model: Any, precision: str, calibration: np.ndarray[Any, Any] | None = None) -> bytes:
    """Convert a built `tf_keras` model to "float32", "float16", "dynamic", "int8" or "integer".

    "int8" computes in integers and falls back to float32, in and out are float32; "integer" knows no float, in and out
    are uint8. Both need `calibration`: float32, n x 32 x 32 x 3, already scaled as the model wants it.
    """
    return bytes(converter(model, precision, calibration).convert())


def converter(model: Any, precision: str, calibration: np.ndarray[Any, Any] | None = None) -> Any:
    """The `tf.lite.TFLiteConverter` that `to_tflite` runs."""
    signature = tf.TensorSpec([1, *model.input_shape[1:]], tf.float32, name="image")
    with _free_batch():
        graph = tf.function(lambda image: model(image, training=False), autograph=False)
        function = graph.get_concrete_function(signature)
    made = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
    made.experimental_lower_to_saved_model = False

    def representative() -> Iterator[list[np.ndarray[Any, Any]]]:
        assert calibration is not None, f"{precision} needs images"
        for image in calibration:
            yield [image[None]]

    if precision != "float32":
        made.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        made.target_spec.supported_types = [tf.float16]
    if precision in CALIBRATED:
        made.representative_dataset = representative
    if precision == "integer":
        made.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        made.inference_input_type = tf.uint8
        made.inference_output_type = tf.uint8
    return made


@contextmanager
def _free_batch() -> Iterator[None]:
    """Let a Reshape to rows, MobileNet's last one, leave the batch open: its constant becomes [-1, 10] instead of [1, 10].

    Other Reshapes (EfficientNet's) only add axes of size 1; TensorFlow folds them away while nothing about them is open.
    """
    plain = keras.layers.Reshape.call

    def call(layer: Any, inputs: Any) -> Any:
        return tf.reshape(inputs, [-1, *layer.target_shape]) if len(layer.target_shape) == 1 else plain(layer, inputs)

    keras.layers.Reshape.call = call
    try:
        yield
    finally:
        keras.layers.Reshape.call = plain
