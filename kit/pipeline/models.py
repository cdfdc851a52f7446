"""Build the study's architectures; keep and count their weights."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from kit.errors import KitError
from kit.pipeline.backend import keras
from kit.records import store
from kit.study.architectures import CLASSES, IMAGE_SHAPE, architecture


def build(name: str, seed: int, batch_norm_momentum: float | None = None) -> Any:
    """A freshly initialized `tf_keras` model of the architecture `name`: 32x32x3 float32 in, 10 probabilities out.

    The same name and seed give the same weights and the same layer names, whatever the process built before.
    """
    known = architecture(name)
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    options = {"minimalistic": known.minimalistic} if known.application.startswith("MobileNetV3") else {}
    constructor = getattr(keras.applications, known.application)
    model = constructor(input_shape=IMAGE_SHAPE, classes=CLASSES, weights=None, **options)
    if model.count_params() != known.parameters:
        raise KitError(
            f"{known.label} has {model.count_params():,} parameters here, the study's has {known.parameters:,}",
            "install the pinned tf-keras",
        )
    if batch_norm_momentum is not None:
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = batch_norm_momentum
    return model


def save_weights(model: Any, path: Path) -> None:
    """Write every weight of `model` by its name."""
    from safetensors.numpy import save

    store.write(path, save({weight.name: np.asarray(weight.numpy()) for weight in model.weights}))


def load_weights(model: Any, path: Path) -> None:
    """Read what `save_weights` wrote. Raises KitError where the file does not fit the model."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(path)
        for weight in model.weights:
            weight.assign(tensors[weight.name])
    except (SafetensorError, KeyError, ValueError) as error:
        raise KitError(f"{path} does not fit the model", "delete it, and its stage will run again") from error


def kind(layer: Any, shape: tuple[int, ...]) -> str:
    """What sort of parameter a weight of `layer` is, as tables of achieved sparsity group them."""
    if len(shape) <= 1:
        normalizing = (keras.layers.BatchNormalization, keras.layers.Normalization)
        return "normalization" if isinstance(layer, normalizing) else "bias"
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return "depthwise"
    if isinstance(layer, keras.layers.Dense):
        return "dense"
    return "pointwise" if shape[:2] == (1, 1) else "convolution"


def count_zeros(model: Any) -> dict[str, dict[str, int]]:
    """Parameters and zeros among them by layer kind, over all weights of a model without pruning wrappers."""
    parameters: Counter[str] = Counter()
    zeros: Counter[str] = Counter()
    for layer in model.layers:
        for weight in layer.weights:
            values = np.asarray(weight.numpy())
            group = kind(layer, values.shape)
            parameters[group] += values.size
            zeros[group] += int((values == 0).sum())
    return {group: {"parameters": parameters[group], "zeros": zeros[group]} for group in sorted(parameters)}
