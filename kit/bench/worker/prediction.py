"""What a model predicts for images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from network import Unusable, shown_shape

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from network import Array, Floats, Interpreter, Tensor

_IMAGE_AXES = 4


def ends(interpreter: Interpreter, model: Path) -> tuple[Tensor, Tensor]:
    """The input and the output of a classifier of images. Raises Unusable if the model is none."""
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if len(inputs) != 1 or len(outputs) != 1:
        both = " and ".join(f"{len(x)} {name}{'s' * (len(x) != 1)}" for name, x in (("input", inputs), ("output", outputs)))
        raise Unusable(f"{model} has {both}: a classifier of images has one of each")
    source, sink = inputs[0], outputs[0]
    if len(source["shape"]) != _IMAGE_AXES or math.prod(int(size) for size in sink["shape"][:-1]) != 1:
        shapes = f"{shown_shape(source['shape'])} and gives {shown_shape(sink['shape'])}"
        raise Unusable(f"{model} takes {shapes}: a classifier takes 1 x height x width x channels, and gives 1 x classes")
    return source, sink


def predict(interpreter: Interpreter, model: Path, images: Path, scale: float, offset: float) -> Floats:
    """Class probabilities, float32, n x classes, of the images * `scale` + `offset`.

    `images`: a .npy file, n x height x width x channels, of numbers.
    """
    import numpy as np

    source, sink = ends(interpreter, model)
    inputs = quantize(read_images(images, source["shape"]) * scale + offset, source)
    results = np.empty((len(inputs), sink["shape"][-1]), sink["dtype"])
    for index in range(len(inputs)):
        interpreter.set_tensor(source["index"], inputs[index : index + 1])
        interpreter.invoke()
        results[index] = interpreter.get_tensor(sink["index"]).reshape(-1)
    return dequantize(results, sink)


def describe(interpreter: Interpreter, model: Path) -> dict[str, object]:
    """What a classifier takes and gives: sizes of one image, data types, classes, and the steps of integers."""
    import numpy as np

    source, sink = ends(interpreter, model)
    return {
        "image": [int(size) for size in source["shape"][1:]],
        "classes": int(sink["shape"][-1]),
        "input": np.dtype(source["dtype"]).name,
        "output": np.dtype(sink["dtype"]).name,
        "step": float(source["quantization"][0]),
        "zero": int(source["quantization"][1]),
    }


def read_images(path: Path, shape: Sequence[int]) -> Floats:
    import numpy as np

    try:
        images: Floats = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise Unusable(f"{path} cannot be read ({error}): give a .npy file of images") from error
    if images.dtype.kind not in "uif" or tuple(images.shape[1:]) != tuple(shape[1:]):
        wanted = " x ".join(str(size) for size in shape[1:])
        raise Unusable(f"{path} holds {images.shape} of {images.dtype}: the model wants n x {wanted} numbers")
    return images


def quantize(inputs: Floats, details: Tensor) -> Array:
    import numpy as np

    scale, zero_point = details["quantization"]
    kind = np.dtype(details["dtype"])
    if kind.kind == "f":
        return inputs.astype(kind)
    limits = np.iinfo(kind.name)
    steps = np.clip(np.rint(inputs.astype(np.float32) / (scale or 1)) + zero_point, limits.min, limits.max)
    return np.asarray(steps.astype(details["dtype"]))


def dequantize(results: Array, details: Tensor) -> Floats:
    import numpy as np

    scale, zero_point = details["quantization"]
    real = results.astype(np.float32)
    return ((real - zero_point) * scale).astype(np.float32) if scale else real
