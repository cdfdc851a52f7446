"""Conversion speed: the kit's `to_tflite` against `TFLiteConverter.from_keras_model`, alternated in one process.

    python benchmarks/conversion.py                                    # all architectures, float32 and int8, 3 repeats
    python benchmarks/conversion.py mobilenet_v2 --precisions int8 float16 --repeats 5

Calibration with 100 images is part of the int8 times. For each row it also checks that both files have the same
operators (but for those that compute the shape of a free batch), that they predict the same classes with the same
probabilities on 100 images, and that a fresh process produces a byte-identical file.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from machine import machine, spread

_SHAPE_OPERATORS = {"SHAPE", "STRIDED_SLICE", "PACK", "RESHAPE"}
_IMAGES = 100


def main() -> None:
    from kit.study.architectures import ARCHITECTURES

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("architectures", nargs="*", default=list(ARCHITECTURES))
    parser.add_argument("--precisions", nargs="+", default=["float32", "int8"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--digest", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.digest:
        print(digest(arguments.architectures[0], arguments.digest))
        return
    print(f"{machine()}; n = {arguments.repeats}: median (minimum–maximum)")
    print(f"{'':44}{'from_keras_model, s':>24}{'kit, s':>20}{'ratio':>8}  checks")
    for name in arguments.architectures:
        for precision in arguments.precisions:
            row(name, precision, arguments.repeats)


def row(name: str, precision: str, repeats: int) -> None:
    from kit.stages.tensorflow import models
    from kit.stages.tensorflow.tflite import to_tflite

    plain_seconds: list[float] = []
    kit_seconds: list[float] = []
    images = calibration()
    for _ in range(repeats):
        model = models.build(name, seed=1)
        began = time.perf_counter()
        plain = from_keras_model(model, precision, images)
        plain_seconds.append(time.perf_counter() - began)
        model = models.build(name, seed=1)
        began = time.perf_counter()
        ours = to_tflite(model, precision, images)
        kit_seconds.append(time.perf_counter() - began)
    ratio = statistics.median(plain_seconds) / statistics.median(kit_seconds)
    checks = ", ".join(differences(plain, ours, name, precision)) or "same operators, predictions, bytes"
    print(
        f"{name + ' ' + precision:44}{spread(plain_seconds, 1):>24}{spread(kit_seconds, 2):>20}{ratio:>8.1f}  {checks}",
        flush=True,
    )


def differences(plain: bytes, ours: bytes, name: str, precision: str) -> Iterator[str]:
    import numpy as np

    from kit.stages import interpreter

    kinds = [
        {key: value for key, value in interpreter.contents(model).operators.items() if key not in _SHAPE_OPERATORS}
        for model in (plain, ours)
    ]
    if kinds[0] != kinds[1]:
        other = {key for key in kinds[0].keys() | kinds[1].keys() if kinds[0].get(key) != kinds[1].get(key)}
        yield "operators: " + ", ".join(f"{key} {kinds[0].get(key)} / {kinds[1].get(key)}" for key in sorted(other))
    first, second = (interpreter.probabilities(model, calibration()) for model in (plain, ours))
    if not np.array_equal(first.argmax(1), second.argmax(1)):
        yield "CLASSES DIFFER"
    if not np.array_equal(first, second):
        yield f"probabilities within {np.abs(first - second).max():.0e}"
    elsewhere = subprocess.run(
        [sys.executable, __file__, name, "--digest", precision], capture_output=True, text=True, check=True
    ).stdout.strip()
    if elsewhere != hashlib.sha256(ours).hexdigest():
        yield "OTHER BYTES IN ANOTHER PROCESS"


def digest(name: str, precision: str) -> str:
    from kit.stages.tensorflow import models
    from kit.stages.tensorflow.tflite import to_tflite

    return hashlib.sha256(to_tflite(models.build(name, seed=1), precision, calibration())).hexdigest()


def calibration() -> Any:
    import numpy as np

    return np.random.default_rng(1).uniform(-1, 1, (_IMAGES, 32, 32, 3)).astype(np.float32)


def from_keras_model(model: Any, precision: str, images: Any) -> bytes:
    """What the TensorFlow guide says to do."""
    from kit.stages.tensorflow.backend import tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if precision in ("int8", "integer"):
        converter.representative_dataset = lambda: ([image[None]] for image in images)
    if precision == "integer":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.uint8
    return bytes(converter.convert())


if __name__ == "__main__":
    main()
