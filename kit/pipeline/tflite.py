"""A model as .tflite bytes: fixed batch of 1, variables frozen first, so that nothing is traced or saved twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kit.pipeline.backend import tf


def to_tflite(model: Any, precision: str, calibration: np.ndarray[Any, Any]) -> bytes:
    """Convert a built `tf_keras` model. `calibration`: float32, n x 32 x 32 x 3, already scaled as the model wants it."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    signature = tf.TensorSpec([1, *model.input_shape[1:]], tf.float32, name="image")
    function = tf.function(lambda image: model(image, training=False)).get_concrete_function(signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([convert_variables_to_constants_v2(function)], tf.Module())

    def representative() -> Iterator[list[np.ndarray[Any, Any]]]:
        for image in calibration:
            yield [image[None]]

    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if precision in ("int8", "integer"):
        converter.representative_dataset = representative
    if precision == "integer":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
        converter.inference_output_type = tf.uint8
    return bytes(converter.convert())
