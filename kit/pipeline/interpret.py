"""Run a .tflite file on this machine, and look into it. Uses LiteRT; needs no TensorFlow."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from msgspec import Struct

_BATCH = 50  # more images do not fit into a core's cache together with what the layers make of them


def probabilities(model: bytes, inputs: np.ndarray[Any, Any], threads: int = 1) -> np.ndarray[Any, Any]:
    """Class probabilities, float32, n x 10, for float32 inputs n x 32 x 32 x 3, scaled as the model wants them.

    Integer inputs and outputs are quantized and dequantized with the file's own scales. Images go through in batches
    where the file allows it, and through an interpreter for each of the threads; the bits are those of one at a time.
    """
    shares = [share for share in np.array_split(inputs, max(threads, 1)) if len(share)]
    with ThreadPoolExecutor(max(len(shares), 1)) as pool:  # the interpreter releases the lock while it computes
        results = list(pool.map(lambda share: _share(model, share), shares))
    return np.concatenate(results) if results else np.empty((0, 10), np.float32)


def _share(model: bytes, inputs: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Run n >= 1 images through one interpreter."""
    interpreter, size = _interpreter(model, min(len(inputs), _BATCH))
    source, sink = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    quantized = _quantize(inputs, source)
    results = np.empty((len(inputs), sink["shape"][-1]), sink["dtype"])
    for start in range(0, len(inputs), size):
        first = min(start, len(inputs) - size)  # the last batch is filled with images that were run before
        interpreter.set_tensor(source["index"], quantized[first : first + size])
        interpreter.invoke()
        results[first : first + size] = interpreter.get_tensor(sink["index"])
    return _dequantize(results, sink)


def _interpreter(model: bytes, size: int) -> tuple[Interpreter, int]:
    """An interpreter that takes `size` images at once, or one where a constant shape in the file does not allow more."""
    interpreter = Interpreter(model_content=model, num_threads=1)
    try:
        source = interpreter.get_input_details()[0]
        interpreter.resize_tensor_input(source["index"], [size, *source["shape"][1:]])
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError):
        interpreter = Interpreter(model_content=model, num_threads=1)
        interpreter.allocate_tensors()
        return interpreter, 1
    return interpreter, size


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
