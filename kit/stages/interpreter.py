"""Run a .tflite file on this machine, and inspect it. Uses LiteRT; needs no TensorFlow."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypedDict

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from kit.stages.values import Contents, Zeros

_BATCH = 50  # more images do not fit into a core's cache together with what the layers make of them


Floats = NDArray[np.float32]


class TensorDetails(TypedDict):
    """What the interpreter says of an input or an output: `quantization` is scale and zero point."""

    index: int
    shape: NDArray[np.int32]
    dtype: type[np.float32] | type[np.int8] | type[np.uint8]
    quantization: tuple[float, int]


def probabilities(model: bytes, inputs: Floats, threads: int = 1, delegate: bool = True) -> Floats:
    """Class probabilities, float32, n x classes, for n >= 1 float32 inputs of the model's shape, scaled as it wants them.

    Integer inputs and outputs are quantized and dequantized with the file's own scales. Images go through in batches
    where the file allows it, and through an interpreter for each of the threads; the bits are those of one at a time.
    Without the `delegate` (XNNPACK) the interpreter's built-in kernels compute: slower, and int8 is rounded otherwise.
    """
    shares = [share for share in np.array_split(inputs, max(threads, 1)) if len(share)]
    with ThreadPoolExecutor(len(shares)) as pool:  # the interpreter releases the lock while it computes
        return np.concatenate(list(pool.map(lambda share: _share(model, share, delegate), shares)))


def _share(model: bytes, inputs: Floats, delegate: bool) -> Floats:
    """Run n >= 1 images through one interpreter."""
    interpreter, size = _interpreter(model, min(len(inputs), _BATCH), delegate)
    source: TensorDetails = interpreter.get_input_details()[0]
    sink: TensorDetails = interpreter.get_output_details()[0]
    quantized = _quantize(inputs, source)
    results = np.empty((len(inputs), sink["shape"][-1]), sink["dtype"])
    for start in range(0, len(inputs), size):
        first = min(start, len(inputs) - size)  # the last batch is filled with images that were run before
        interpreter.set_tensor(source["index"], quantized[first : first + size])
        interpreter.invoke()
        results[first : first + size] = interpreter.get_tensor(sink["index"])
    return _dequantize(results, sink)


def _interpreter(model: bytes, size: int, delegate: bool) -> tuple[Interpreter, int]:
    """An interpreter that takes `size` images at once, or one where a constant shape in the file does not allow more."""
    resolver = OpResolverType.AUTO if delegate else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    made = partial(Interpreter, model_content=model, num_threads=1, experimental_op_resolver_type=resolver)
    interpreter = made()
    try:
        source = interpreter.get_input_details()[0]
        interpreter.resize_tensor_input(source["index"], [size, *source["shape"][1:]])
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError):
        interpreter = made()
        interpreter.allocate_tensors()
        return interpreter, 1
    return interpreter, size


def takes_delegate(model: bytes) -> bool:
    """Whether XNNPACK runs the file. It refuses one with a layer that no calibration image ever activates: the range of
    such a layer is empty, and its step far smaller than XNNPACK can scale to. Built-in kernels run it."""
    try:
        _interpreter(model, 1, delegate=True)
    except (RuntimeError, ValueError):
        _interpreter(model, 1, delegate=False)
        return False
    return True


def _quantize(inputs: Floats, details: TensorDetails) -> NDArray[np.generic]:
    scale, zero_point = details["quantization"]
    if details["dtype"] == np.float32:
        return inputs
    limits = np.iinfo(np.dtype(details["dtype"]).name)
    return np.asarray(np.clip(np.rint(inputs / scale) + zero_point, limits.min, limits.max), details["dtype"])


def _dequantize(results: NDArray[np.generic], details: TensorDetails) -> Floats:
    scale, zero_point = details["quantization"]
    if details["dtype"] == np.float32:
        return results.astype(np.float32, copy=False)
    return ((results.astype(np.float32) - zero_point) * scale).astype(np.float32)


def quantization(model: bytes) -> list[tuple[str, bytes]]:
    """The name of each tensor of a .tflite file, and the steps that its integers stand for."""
    interpreter = Interpreter(
        model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    interpreter.allocate_tensors()
    tensors = interpreter.get_tensor_details()
    return [(tensor["name"], tensor["quantization_parameters"]["scales"].tobytes()) for tensor in tensors]


def contents(model: bytes) -> Contents:
    """Inspect a .tflite file without running it."""
    interpreter = Interpreter(
        model_content=model,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    operators = interpreter._get_ops_details()  # no public API tells constants from activations
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
        {dtype: Zeros(parameters[dtype], zeros[dtype]) for dtype in sorted(parameters)},
        {name: dict(sorted(counts.items())) for name, counts in sorted(kinds.items())},
    )
