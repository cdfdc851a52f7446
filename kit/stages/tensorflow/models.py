"""Build networks; keep and count their weights."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from kit import store
from kit.errors import KitError
from kit.runs.run import Run
from kit.stages.tensorflow import own
from kit.stages.tensorflow.backend import keras
from kit.stages.values import Zeros
from kit.study import architectures
from kit.study.architectures import CLASSES, Architecture
from kit.study.grid import Cell
from kit.study.settings import Training


def of(run: Run, cell: Cell) -> Any:
    """The network of a run's cell, as `build` gives it."""
    known, data = run.preset.architecture(cell.architecture), run.preset.data
    return build(known, cell.seed, run.preset.training, len(data.classes), data.image_shape, run.folder)


def build(
    known: Architecture | str,
    seed: int,
    training: Training | None = None,
    classes: int = CLASSES,
    shape: tuple[int, int, int] = (32, 32, 3),
    run: Path | None = None,
) -> Any:
    """A freshly initialized `tf_keras` model: float32 images of this shape in, a probability a class out.

    `training` says in what it differs from TensorFlow's own. The same arguments give the same weights and the same layer
    names, whatever the process built before. Raises KitError if the user's own network can't be built, or is of a `run`.
    """
    known = architectures.get(known) if isinstance(known, str) else known
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = _studied(known, shape, classes) if known.network is None else own.built(known, shape, classes, run)
    if training is not None:
        _adapt(model, known, training)
    return model


def _studied(known: Architecture, shape: tuple[int, int, int], classes: int) -> Any:
    options = {"minimalistic": known.minimalistic} if known.is_v3 else {}
    constructor = getattr(keras.applications, known.application)
    try:
        model = constructor(input_shape=shape, classes=classes, weights=None, **options)
    except ValueError as error:
        raise KitError(f"{known.label}: {error}", "change image_size in [dataset]") from error
    if classes == CLASSES and model.count_params() != known.parameters:
        raise KitError(
            f"{known.label} has {model.count_params():,} parameters here, the study's has {known.parameters:,}",
            "install the pinned tf-keras",
        )
    return model


def _adapt(model: Any, known: Architecture, training: Training) -> None:
    """Set what the layers read when they are traced; weights and layer names stay."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization) and training.batch_norm_momentum is not None:
            layer.momentum = training.batch_norm_momentum
        if isinstance(layer, keras.layers.Rescaling) and known.is_v3 and training.mobilenet_v3_input == "0..1":
            layer.scale, layer.offset = 1 / 255, 0.0


def save_weights(model: Any, path: Path) -> None:
    """Write every weight of `model` by its name."""
    from safetensors.numpy import save

    store.write(path, save({weight.name: np.asarray(weight.numpy()) for weight in model.weights}))


def load_weights(model: Any, path: Path) -> None:
    """Read what `save_weights` wrote. Raises KitError if the file does not fit the model."""
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


def count_zeros(model: Any) -> dict[str, Zeros]:
    """Parameters and zeros among them by layer kind, over all weights of a model without pruning wrappers."""
    parameters: Counter[str] = Counter()
    zeros: Counter[str] = Counter()
    for layer in model.layers:
        for weight in layer.weights:
            values = np.asarray(weight.numpy())
            group = kind(layer, values.shape)
            parameters[group] += values.size
            zeros[group] += int((values == 0).sum())
    return {group: Zeros(parameters[group], zeros[group]) for group in sorted(parameters)}
