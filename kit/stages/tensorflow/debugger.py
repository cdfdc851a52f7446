"""What TensorFlow's quantization debugger says of an int8 network: how far each operator is from float32, and the file
with some left in float.

The debugger runs the int8 layers beside float ones in one file. "Own" errors come from a file in which the float layer gets
the int8 layer's input, so that only what this layer adds is seen; "accumulated" ones from a file whose float layers run on
by themselves, from the image on.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.lite.python.convert import mlir_quantize

from kit.stages.audited import Layer
from kit.stages.tensorflow.backend import tf
from kit.stages.tensorflow.tflite import converter

Array = NDArray[Any]
_WITH_WEIGHTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")  # their second input


class Debugger:
    """An int8 network, quantized as stage `convert` does it. `calibration` is float32, n x 32 x 32 x 3, scaled for it."""

    def __init__(self, model: Any, calibration: Array) -> None:
        self._images = calibration
        self._debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter(model, "int8", calibration), debug_dataset=self._inputs
        )

    def file(self, in_float: Sequence[str] = ()) -> bytes:
        """The network as a .tflite file, int8 but for the operators of these names."""
        self._debugger.options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=list(in_float))
        return bytes(self._debugger.get_nondebug_quantized_model())

    def layers(self) -> tuple[Layer, ...]:
        """The operators in the order in which they run."""
        own, accumulated = (
            mlir_quantize(self._debugger.calibrated_model, enable_numeric_verify=True, enable_whole_model_verify=whole)
            for whole in (False, True)
        )
        structure, later = _structure(own), {row["tensor_name"]: row for row in self._run(accumulated)}
        places = {index: place for place, index in enumerate(structure)}
        found = {int(row["tensor_idx"]): row for row in self._run(own)}
        return tuple(
            Layer(
                name=found[index]["tensor_name"],
                operator=found[index]["op_name"],
                own_error=_relative(found[index]),
                accumulated_error=_relative(later[found[index]["tensor_name"]]),
                step=float(found[index]["scale"]),
                inputs=tuple(places[source] for source in sources if source in places),
                weights_error=weights_error,
            )
            for index, (sources, weights_error) in structure.items()
        )

    def _inputs(self) -> Iterator[list[Array]]:
        for image in self._images:
            yield [image[None]]

    def _run(self, file: bytes) -> list[dict[str, str]]:
        """The statistics of each layer over all images, as the debugger writes them."""
        options = tf.lite.experimental.QuantizationDebugOptions(
            layer_direct_compare_metrics={"error_power": _error_power, "power": _power}
        )
        debugger = tf.lite.experimental.QuantizationDebugger(
            quant_debug_model_content=file, debug_dataset=self._inputs, debug_options=options
        )
        if not _takes_delegate(file):  # the debugger has no option for that
            debugger._quant_interpreter = _plain(file)
        debugger.run()
        text = io.StringIO()
        debugger.layer_statistics_dump(text)
        return list(csv.DictReader(io.StringIO(text.getvalue())))


def _error_power(real: Array, steps: Array, scale: float, zero_point: int) -> float:
    return float(np.mean((_dequantized(steps, scale, zero_point) - real) ** 2))


def _power(real: Array, steps: Array, scale: float, zero_point: int) -> float:
    return float(np.mean(real.astype(np.float64) ** 2))


def _dequantized(steps: Array, scale: float | Array, zero_point: int) -> Array:
    return (steps.astype(np.float64) - zero_point) * scale


def _relative(row: dict[str, str]) -> float:
    """The RMS error over the RMS of the float values; 0 where both are 0."""
    power = float(row["power"])
    return float(np.sqrt(float(row["error_power"]) / power)) if power else 0.0


def _structure(file: bytes) -> dict[int, tuple[list[int], float | None]]:
    """For each checked tensor of a debug file, by its index: those that its operator reads, and the error of its weights."""
    interpreter = _plain(file)
    interpreter.allocate_tensors()
    operators = interpreter._get_ops_details()  # no public API tells which operator a check belongs to
    makers = {index: operator for operator in operators for index in operator["outputs"]}
    details = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    found = {}
    for check in operators:
        if check["op_name"] == "NumericVerify":
            layer, twin = (makers[index] for index in check["inputs"])
            sources = [int(index) for index in layer["inputs"]]
            has_weights = layer["op_name"] in _WITH_WEIGHTS
            error = _weights_error(interpreter, details[sources[1]], twin["inputs"][1]) if has_weights else None
            found[int(check["inputs"][0])] = sources, error
    return found


def _takes_delegate(file: bytes) -> bool:
    """As `kit.stages.interpreter.takes_delegate`, for files with the debugger's own operators."""
    try:
        tf.lite.Interpreter(model_content=file).allocate_tensors()
    except RuntimeError:
        return False
    return True


def _plain(file: bytes) -> Any:
    """An interpreter without XNNPACK, which keeps what every operator gives."""
    return tf.lite.Interpreter(
        model_content=file,
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )


def _weights_error(interpreter: Any, quantized: dict[str, Any], real_index: int) -> float:
    known = quantized["quantization_parameters"]
    steps, real = interpreter.get_tensor(quantized["index"]), interpreter.get_tensor(real_index).astype(np.float64)
    shape = [1] * steps.ndim
    if len(known["scales"]) > 1:
        shape[known["quantized_dimension"]] = -1
    off = _dequantized(steps, known["scales"].reshape(shape), 0) - real
    power = float(np.mean(real**2))
    return float(np.sqrt(np.mean(off**2) / power)) if power else 0.0
