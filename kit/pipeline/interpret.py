"""Run a .tflite file on this machine, and look into it. Uses LiteRT; needs no TensorFlow."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from msgspec import Struct


def probabilities(model: bytes, inputs: np.ndarray[Any, Any], threads: int = 1) -> np.ndarray[Any, Any]:
    """Class probabilities, float32, n x 10, for float32 inputs n x 32 x 32 x 3, scaled as the model wants them.

    Integer inputs and outputs are quantized and dequantized with the file's own scales.
    """
    interpreter = Interpreter(model_content=model, num_threads=threads)
    interpreter.allocate_tensors()
    source, sink = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    quantized = _quantize(inputs, source)
    results = np.empty((len(inputs), sink["shape"][-1]), sink["dtype"])
    for index, row in enumerate(quantized):
        interpreter.set_tensor(source["index"], row[None])
        interpreter.invoke()
        results[index] = interpreter.get_tensor(sink["index"])[0]
    return _dequantize(results, sink)


def _quantize(inputs: np.ndarray[Any, Any], details: dict[str, Any]) -> np.ndarray[Any, Any]:
    scale, zero_point = details["quantization"]
    if details["dtype"] == np.float32:
        return inputs
    limits = np.iinfo(details["dtype"])
    steps: np.ndarray[Any, Any] = np.clip(np.rint(inputs / scale) + zero_point, limits.min, limits.max)
    return steps.astype(details["dtype"])


def _dequantize(results: np.ndarray[Any, Any], details: dict[str, Any]) -> np.ndarray[Any, Any]:
    scale, zero_point = details["quantization"]
    if details["dtype"] == np.float32:
        return results
    real: np.ndarray[Any, Any] = (results.astype(np.float32) - zero_point) * scale
    return real.astype(np.float32)


class Contents(Struct, frozen=True):
    """What a .tflite file holds: constants and zeros among them by dtype, and how often each operator occurs.

    An operator counts under `float` or `int8` by the dtype of its first output.
    """

    constants: dict[str, dict[str, int]]
    operators: dict[str, dict[str, int]]


def contents(model: bytes) -> Contents:
    """Look into a .tflite file without running it."""
    interpreter = Interpreter(
        model_content=model,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    operators = interpreter._get_ops_details()  # there is no public way to tell constants from activations
    details = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    made = {index for operator in operators for index in operator["outputs"]}
    made |= {tensor["index"] for tensor in interpreter.get_input_details()}
    read = {index for operator in operators for index in operator["inputs"] if index >= 0}

    parameters: Counter[str] = Counter()
    zeros: Counter[str] = Counter()
    for index in read - made:
        values = interpreter.get_tensor(index)
        dtype = np.dtype(values.dtype).name
        if values.ndim and dtype != "int64":
            parameters[dtype] += values.size
            zeros[dtype] += int((values == 0).sum())
    kinds: dict[str, Counter[str]] = {}
    for operator in operators:
        dtype = np.dtype(details[operator["outputs"][0]]["dtype"]).name
        kinds.setdefault(operator["op_name"], Counter())[dtype] += 1
    return Contents(
        {dtype: {"parameters": parameters[dtype], "zeros": zeros[dtype]} for dtype in sorted(parameters)},
        {name: dict(sorted(counts.items())) for name, counts in sorted(kinds.items())},
    )
