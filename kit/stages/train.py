"""Stage `train`: an architecture from random weights to its best epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kit.datasets import prepare
from kit.runs.artifacts import CHECKPOINT, WEIGHTS
from kit.runs.stage import Stage, StageContext
from kit.stages.values import ImageCounts, TrainValues
from kit.study import networks
from kit.study.grid import Cell
from kit.study.preset import Preset, lean

if TYPE_CHECKING:
    from kit.datasets.splits import Split


def learning_rate(preset: Preset, name: str) -> float:
    return preset.training.learning_rates.get(name, preset.training.learning_rate)


def network(preset: Preset, cell: Cell) -> dict[str, object]:
    """The settings of every stage that builds the network, unless at their default."""
    kept, known = lean(preset.training).get("mobilenet_v3_input"), preset.architecture(cell.architecture)
    return ({"mobilenet_v3_input": kept} if kept and known.is_v3 else {}) | own_network(preset, cell)


def own_network(preset: Preset, cell: Cell) -> dict[str, object]:
    """What decides a network of the user's own; nothing for one of the kit's."""
    network = preset.architecture(cell.architecture).network
    return {} if network is None else {"network": networks.settings(network)}


def engine(preset: Preset) -> dict[str, object]:
    """The settings of every stage that trains: what decides the order of sums, unless at its default."""
    threads: dict[str, object] = {"threads": preset.threads} if preset.threads != 1 else {}
    kept = lean(preset.training)
    return threads | {name: kept[name] for name in ("training_ops", "class_weights") if name in kept}


def _settings(preset: Preset, cell: Cell) -> Mapping[str, object]:
    settings = lean(preset.training)
    for name in ("learning_rates", "mobilenet_v3_input", "training_ops", "class_weights"):
        settings.pop(name, None)
    own = {
        "architecture": cell.architecture,
        "learning_rate": learning_rate(preset, cell.architecture),
        "seed": cell.seed,
    }
    if is_trained(preset, cell):
        settings = {"validation_images": preset.training.validation_images}
        own.pop("learning_rate")
    return settings | own | network(preset, cell) | engine(preset)


def is_trained(preset: Preset, cell: Cell) -> bool:
    """Whether the user's network is trained already: then its weights are taken over."""
    network = preset.architecture(cell.architecture).network
    return network is not None and network.is_trained


def _execute(context: StageContext) -> TrainValues:
    from kit.stages.tensorflow import backend, kernels, models
    from kit.stages.tensorflow.loop import Plan, TrainingState, fit, measured

    preset, known = context.run.preset, context.run.preset.architecture(context.cell.architecture)
    training = preset.training
    backend.configure(preset.threads)
    if known.network is not None:
        _check(context)
    model = models.of(context.run, context.cell)
    train, selection = prepare.load(context.data, preset.dataset).held_out(training.validation_images)
    plan = Plan(
        epochs=training.epochs,
        batch_size=training.batch_size,
        learning_rate=learning_rate(preset, known.name),
        final_learning_rate=0.0,
        momentum=training.momentum,
        seed=context.cell.seed,
        input_scale=known.input_scale,
        input_offset=known.input_offset,
        training_ops=training.training_ops,
        class_weights=class_weights(preset, train),
        select_best=True,
        patience_epochs=training.patience_epochs,
    )
    if is_trained(preset, context.cell):
        state = TrainingState(context.fingerprint, [measured(model, train, selection, plan)], 0)
    else:
        state = fit(model, train, selection, plan, context.path(CHECKPOINT), context.fingerprint, context.progress)
    models.save_weights(model, context.path(WEIGHTS))
    return TrainValues(
        history=tuple(state.history),
        best_epoch=state.best_epoch,
        weights=models.count_zeros(model),
        images=ImageCounts(len(train), len(selection)),
        training_ops=kernels.described(training.training_ops),
    )


def _check(context: StageContext) -> None:
    """Raise KitError if the user's network can't go all the way that the preset asks for."""
    from kit.stages.tensorflow import checks, models

    preset, name, data = context.run.preset, context.cell.architecture, context.run.preset.data
    model = models.of(context.run, context.cell)
    checks.fits(name, model, data.image_shape, len(data.classes))
    if any(preset.sparsities):
        checks.prunable(name, model)
    checks.convertible(name, model, preset.precisions)


def class_weights(preset: Preset, train: Split) -> tuple[float, ...] | None:
    """What an image of each class counts in the loss: n / (classes * images of the class) if balanced, else all the same."""
    if preset.training.class_weights == "none":
        return None
    import numpy as np

    counts = np.bincount(train.labels, minlength=len(preset.data.classes))
    return tuple((len(train) / (len(counts) * np.maximum(counts, 1))).tolist())


def epoch_s(preset: Preset, cell: Cell) -> float:
    """About how many seconds an epoch takes on one core of a PC."""
    data, training = preset.data, preset.training
    images = data.train_images - training.validation_images
    measured = training.validation_images or data.test_images
    return (images + measured / 3) / images_per_s(preset, cell.architecture)


def images_per_s(preset: Preset, name: str) -> float:
    """About how many images one core of a PC trains in a second."""
    return preset.architecture(name).training_images_per_s * (32 / preset.data.image_size) ** 2


def _estimate_s(preset: Preset, cell: Cell) -> float:
    return 15 + (1 if is_trained(preset, cell) else preset.training.epochs) * epoch_s(preset, cell)


STAGE = Stage(
    name="train",
    version=2,
    settings=_settings,
    applies=lambda cell: cell == cell.trained,
    inputs=lambda cell: (),
    outputs=(WEIGHTS,),
    scratch=(CHECKPOINT,),
    values=TrainValues,
    execute=_execute,
    estimate_s=_estimate_s,
    datasets=lambda preset: prepare.digests(preset.data),
    process="tensorflow",
)
