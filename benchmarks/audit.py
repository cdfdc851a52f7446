"""`kit audit` of a bundle's int8 model, whose float32 weights are not there: a network with the weights of the int8 file.

    python benchmarks/audit.py reports/reference efficientnet_b0@1/s00/int8 [DATA]    # after `kit data cifar10`

Weights are within half a step of the trained ones, so float32 has nearly the accuracy of the run's float32 cell; what int8
loses against it is lost by activations. Normalization is folded into the weights, as in the file.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from machine import machine

from kit import console, store
from kit.report.language import language
from kit.report.tables import audit as tables
from kit.runs.artifacts import MODEL, PRESET, WEIGHTS
from kit.runs.run import Run, open_run
from kit.stages import audit, convert
from kit.stages.tensorflow import backend, models
from kit.workflow.graph import select

_WITH_WEIGHTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def main() -> None:
    source, data = open_run(Path(sys.argv[1])), Path(sys.argv[3] if len(sys.argv) > 3 else "data")
    (cell,) = select(source.preset, [sys.argv[2]])
    content = store.read(source.path(cell, MODEL))
    assert content is not None, f"{source.folder} has no model of {cell.name}"
    backend.configure(source.preset.threads)
    model = models.build(cell.architecture, cell.seed, source.preset.training)
    assign(model, content)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder), msgspec.structs.replace(source.preset, name="rebuilt"))
        store.write(run.folder / PRESET, msgspec.json.encode(run.preset))
        models.save_weights(model, run.path(cell.variant, WEIGHTS))
        for stage in (convert.STAGE, audit.STAGE):
            stage.perform(run, cell, data, lambda done, total, note="": print(f"{done}/{total} {note}", flush=True))
        found = tables.audits(run)
    print(f"{machine()}, {cell.name} of {source.name}, weights as in its file")
    for table in (tables.worst(found, language("en")), tables.given_back(found, language("en"))):
        console.show(console.table(table.headers, table.texts()))


def assign(model: Any, content: bytes) -> None:
    """Give a `tf_keras` model the weights of a .tflite file of its architecture."""
    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    file = Interpreter(model_content=content, experimental_op_resolver_type=resolver)
    file.allocate_tensors()
    details = {tensor["index"]: tensor for tensor in file.get_tensor_details()}
    operators = file._get_ops_details()
    names = [f"/{details[operator['outputs'][0]]['name']}/" for operator in operators]
    layers = {layer.name: layer for layer in model.layers}
    rescaling = next((layer for layer in model.layers if type(layer).__name__ == "Rescaling"), None)
    scale = float(rescaling.scale) if rescaling and not any("rescaling" in name for name in names) else 1.0
    for operator, name in zip(operators, names, strict=True):
        if operator["op_name"] not in _WITH_WEIGHTS:
            continue
        own = [layer for key, layer in layers.items() if f"/{key}/" in name and hasattr(layer, "use_bias")]
        layer = max(own, key=lambda layer: len(layer.name))
        weights, bias = (dequantized(file, details[index]) for index in operator["inputs"][1:])
        _set(layer, weights / scale, bias)
        scale = 1.0  # folded into the first layer only


def dequantized(file: Interpreter, tensor: dict[str, Any]) -> np.ndarray[Any, Any]:
    """The real values of a constant."""
    known, values = tensor["quantization_parameters"], file.get_tensor(tensor["index"]).astype(np.float64)
    shape = [1] * values.ndim
    if len(known["scales"]) > 1:
        shape[known["quantized_dimension"]] = -1
    return np.asarray(values * known["scales"].astype(np.float64).reshape(shape))


def _set(layer: Any, weights: np.ndarray[Any, Any], bias: np.ndarray[Any, Any]) -> None:
    """Weights as TensorFlow Lite stores them into a layer, and into the normalization after it if it has no bias."""
    kernel = np.moveaxis(weights, 0, -1) if weights.ndim == 4 else weights.T
    layer.set_weights([kernel.reshape(layer.weights[0].shape), *([bias] if layer.use_bias else [])])
    if not layer.use_bias:
        normal = layer.outbound_nodes[0].outbound_layer
        zeros = np.zeros_like(bias)
        normal.set_weights([np.sqrt(zeros + 1 + normal.epsilon), bias, zeros, zeros + 1])


if __name__ == "__main__":
    main()
