"""Whether a network of the user's own can go all the way: trained, pruned, converted. Found before hours are spent on it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from tensorflow_model_optimization.python.core.sparsity.keras.prune_registry import PruneRegistry

from kit.console import counted
from kit.errors import KitError
from kit.stages.tensorflow.backend import keras, tfmot
from kit.stages.tensorflow.tflite import CALIBRATED, to_tflite


def fits(name: str, model: Any, shape: tuple[int, int, int], classes: int) -> None:
    """Raise KitError unless the model takes images of this shape, and gives a probability for each class."""
    subject = f"architecture {name}"
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        ends = f"{counted(len(model.inputs), 'input', 'inputs')} and {counted(len(model.outputs), 'output', 'outputs')}"
        raise KitError(f"{subject} has {ends}", "it must take an image, and give a probability for each class")
    takes = tuple(model.inputs[0].shape[1:])
    if len(takes) != 3 or any(known not in (None, own) for known, own in zip(takes, shape, strict=True)):
        wrong = f"{subject}: its input {model.inputs[0].name!r} takes {_shape(takes)}, and the images are {_shape(shape)}"
        raise KitError(wrong, f"set image_size = {takes[0]} in [dataset]" if takes[2:] == (3,) else "it must take RGB")
    last, gives = model.layers[-1].name, tuple(model.outputs[0].shape[1:])
    if gives != (classes,):
        values = f"{_shape(gives)} {'value' if gives == (1,) else 'values'}"
        wrong = f"{subject}: its last layer {last!r} gives {values}, and there are {classes} classes"
        raise KitError(wrong, f"end it with Dense({classes}, activation='softmax')")
    noise = np.random.default_rng(1).random((2, *shape), np.float32)
    sums = np.asarray(model(noise, training=False)).sum(axis=1)
    if not np.allclose(sums, 1, atol=1e-3):
        raise KitError(f"{subject}: its last layer {last!r} gives no probabilities", "end it with a softmax")
    twice = [weight for weight, count in Counter(weight.name for weight in model.weights).items() if count > 1]
    if twice:
        raise KitError(f"{subject} has two weights called {twice[0]!r}", "give each layer a name of its own")


def _shape(sizes: Iterable[int | None]) -> str:
    return " x ".join("any" if size is None else str(size) for size in sizes) or "single"


def prunable(name: str, model: Any) -> list[str]:
    """The layers that are pruned: those that tfmot can, but no depthwise ones. Raises KitError for a layer with kernels that
    tfmot doesn't know, and if there is nothing to prune."""
    found = []
    for layer in model.layers:
        if not any(len(weight.shape) > 1 for weight in layer.trainable_weights):
            continue
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            continue
        if not isinstance(layer, tfmot.sparsity.keras.PrunableLayer) and not PruneRegistry.supports(layer):
            raise KitError(
                f"architecture {name}: layer {layer.name!r} is a {type(layer).__name__}, which tfmot can't prune",
                "derive it from tfmot's PrunableLayer, take another kind of layer, or write sparsities = [0]",
            )
        found.append(layer.name)
    if not found:
        raise KitError(f"architecture {name} has no layer that can be pruned", "write sparsities = [0]")
    return found


def convertible(name: str, model: Any, precisions: Iterable[str]) -> None:
    """Raise KitError if the converter can't make these precisions of the model."""
    images = np.random.default_rng(1).random((2, *model.input_shape[1:]), np.float32)
    recurrent = next((layer for layer in model.layers if isinstance(layer, keras.layers.RNN)), None)
    for precision in precisions:
        if recurrent is not None and precision in CALIBRATED:  # TensorFlow's calibrator dies of them, without an exception
            raise _unable(name, f"layer {recurrent.name!r} ({type(recurrent).__name__})", precision)
        try:
            to_tflite(model, precision, images)
        except Exception as error:  # the converter raises many kinds
            raise _unable(name, _blamed(model, error), precision) from error


def _unable(name: str, what: str, precision: str) -> KitError:
    return KitError(
        f"architecture {name}: {what} can't be converted to {precision}",
        "replace it by layers that TFLite knows, or leave out this precision",
    )


def _blamed(model: Any, error: Exception) -> str:
    """The layer that the converter complains of, and the operation."""
    places = [call.name for one in getattr(error, "errors", ()) for call in one.location.call if call.name]
    known = {layer.name for layer in model.layers}
    layer = next((part for place in places for part in place.split("/") if part in known), None)
    operation = re.search(r"\btf\.[A-Z]\w+", str(error))
    parts = [f"layer {layer!r}" if layer else "the network", f"({operation[0]})" if operation else ""]
    return " ".join(filter(None, parts))
