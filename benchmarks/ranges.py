"""int8 with the converter's ranges of activations, and with the true ones. Needs no weights: an int8 file has them.

    python benchmarks/ranges.py reports/reference mobilenet_v3_large/s00/int8 [DATA]    # after `kit data cifar10`

An addition or a multiplication may write its result over one of its inputs. TensorFlow's calibrator reads inputs after the
operator has run, so such an input gets the range of the result, https://github.com/tensorflow/tensorflow/issues/127842: the
gate of a squeeze-and-excite block, between 0 and 1, gets the steps of the features that it multiplies. Here every tensor
keeps memory of its own while ranges are taken. All test images, built-in kernels, ties shared evenly.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from audit import assign
from machine import machine
from tensorflow.lite.python.optimize.calibrator import Calibrator
from tensorflow.lite.tools import flatbuffer_utils as flatbuffers

from kit import store
from kit.datasets import prepare
from kit.runs import predictions
from kit.runs.artifacts import MODEL
from kit.runs.run import open_run
from kit.stages import convert, evaluate
from kit.stages.tensorflow import backend, models
from kit.stages.tensorflow.backend import tf
from kit.stages.tensorflow.tflite import to_tflite
from kit.workflow.graph import select

Batches = Callable[[], Iterator[list[np.ndarray[Any, Any]]]]


def main() -> None:
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    source, data = open_run(Path(sys.argv[1])), Path(sys.argv[3] if len(sys.argv) > 3 else "data")
    (cell,) = select(source.preset, [sys.argv[2]])
    content = store.read(source.path(cell, MODEL))
    assert content is not None, f"{source.folder} has no model of {cell.name}"
    known, wanted = source.preset.architecture(cell.architecture), source.preset.quantization
    images = prepare.load(data, source.preset.dataset)
    backend.configure(source.preset.threads)
    model = models.build(cell.architecture, cell.seed, source.preset.training)
    assign(model, content)
    calibration = images.calibration(
        wanted.calibration_images, source.preset.training.validation_images, wanted.calibration_order
    )
    pixels = convert.scaled(calibration, known)
    files = {"float32": to_tflite(model, "float32"), "the converter's": to_tflite(model, "int8", pixels)}
    with exact_ranges():
        files["exact"] = to_tflite(model, "int8", pixels)
    print(f"{machine()}, {cell.name} of {source.name}, weights as in its file; n = {len(images.test)} test images")
    for name, file in files.items():
        kept = predictions.join(list(evaluate.predicted(known, file, images.test, delegate=False)))
        print(f"{name:16} {predictions.fair(kept).mean():.4f}", flush=True)


@contextmanager
def exact_ranges() -> Iterator[None]:
    """Conversions in here get the smallest and the largest value of each tensor."""
    plain = Calibrator.calibrate

    def calibrate(calibrator: Any, batches: Batches) -> bytes:
        model = flatbuffers.convert_bytearray_to_object(plain(calibrator, batches))
        ranged = {
            i: t for i, t in enumerate(model.subgraphs[0].tensors) if t.quantization and t.quantization.min is not None
        }
        for index, (low, high) in _ranges(calibrator._model_content, list(ranged), batches).items():
            ranged[index].quantization.min, ranged[index].quantization.max = [low], [high]
        return bytes(flatbuffers.convert_object_to_bytearray(model))

    Calibrator.calibrate = calibrate
    try:
        yield
    finally:
        Calibrator.calibrate = plain


def _ranges(content: bytes, tensors: list[int], batches: Batches) -> dict[int, tuple[float, float]]:
    interpreter = tf.lite.Interpreter(
        model_content=content,
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    (source,) = interpreter.get_input_details()
    seen = dict.fromkeys(tensors, (np.inf, -np.inf))
    for (image,) in batches():
        interpreter.set_tensor(source["index"], image)
        interpreter.invoke()
        for index in tensors:
            values, (low, high) = interpreter.get_tensor(index), seen[index]
            seen[index] = float(min(low, values.min())), float(max(high, values.max()))
    return seen


if __name__ == "__main__":
    main()
