"""Stage `prune`: gradual magnitude pruning (M. Zhu and S. Gupta, 2017, arXiv:1710.01878) of a trained network.

The study's published zeros (0.2553, 0.5621 and 0.8618 of MobileNet's parameters) are those of a schedule whose last mask
update comes one step before its end: with N updates the last one prunes to 1 - (1/N)**3 of the nominal sparsity. So the
schedule here updates at the first step of each of N equal parts, beginning with a sparsity of 0.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from kit.datasets import prepare
from kit.runs.artifacts import CHECKPOINT, WEIGHTS, Artifact
from kit.runs.stage import Stage, StageContext
from kit.stages import train
from kit.stages.values import PruneValues
from kit.study.grid import Cell
from kit.study.preset import Preset, lean
from kit.study.settings import Schedule


def _settings(preset: Preset, cell: Cell) -> Mapping[str, object]:
    settings = lean(preset.pruning)
    for name in ("schedules", "rates"):
        settings.pop(name, None)
    momentum = preset.training.batch_norm_momentum
    own = {
        **msgspec.to_builtins(preset.pruning.rates_of(cell.architecture)),
        "architecture": cell.architecture,
        "sparsity": cell.sparsity,
        "schedule": msgspec.to_builtins(preset.pruning.schedules[str(cell.sparsity)]),
        "validation_images": preset.training.validation_images,
        "seed": cell.seed,
        **({} if momentum is None else {"batch_norm_momentum": momentum}),
    }
    return settings | own | train.network(preset, cell) | train.engine(preset)


def _execute(context: StageContext) -> PruneValues:
    from kit.stages.tensorflow import backend, checks, kernels, models
    from kit.stages.tensorflow.loop import Plan, fit

    preset, cell, known = context.run.preset, context.cell, context.run.preset.architecture(context.cell.architecture)
    pruning, schedule = preset.pruning, preset.pruning.schedules[str(cell.sparsity)]
    rates = pruning.rates_of(known.name)
    backend.configure(preset.threads)
    model = models.of(context.run, cell)
    models.load_weights(model, context.run.path(cell.trained, WEIGHTS))
    images, selection = prepare.load(context.data, preset.dataset).held_out(preset.training.validation_images)
    steps = schedule.epochs * math.ceil(len(images) / pruning.batch_size)
    others = () if known.network is None else checks.prunable(known.name, model)
    wrapped, after_epoch = _wrap(model, cell.sparsity / 100, schedule, steps, pruning.depthwise, others)
    plan = Plan(
        epochs=schedule.epochs,
        batch_size=pruning.batch_size,
        learning_rate=rates.learning_rate,
        final_learning_rate=rates.final_learning_rate,
        momentum=pruning.momentum,
        seed=cell.seed,
        input_scale=known.input_scale,
        input_offset=known.input_offset,
        training_ops=preset.training.training_ops,
        class_weights=train.class_weights(preset, images),
    )
    state = fit(
        wrapped, images, selection, plan, context.path(CHECKPOINT), context.fingerprint, context.progress, after_epoch
    )
    models.save_weights(model, context.path(WEIGHTS))  # the wrappers share the model's layers, so it is the pruned one
    return PruneValues(
        history=tuple(state.history),
        weights=models.count_zeros(model),
        training_ops=kernels.described(preset.training.training_ops),
    )


def _wrap(
    model: Any, sparsity: float, schedule: Schedule, steps: int, depthwise: bool, others: Collection[str] = ()
) -> tuple[Any, Any]:
    """The model with tfmot's pruning wrappers around what is pruned: convolutions, dense layers, and `others`, which are
    named; and what to call after each epoch."""
    from kit.stages.tensorflow.backend import keras, tfmot

    layers = keras.layers
    frequency = math.ceil(steps / schedule.steps)
    decay = tfmot.sparsity.keras.PolynomialDecay(
        initial_sparsity=0.0,
        final_sparsity=sparsity,
        begin_step=1,
        end_step=1 + schedule.steps * frequency,
        frequency=frequency,
    )

    def wrap(layer: Any) -> Any:
        if type(layer) is layers.DepthwiseConv2D and depthwise:
            layer.get_prunable_weights = lambda: [layer.depthwise_kernel]
        elif type(layer) not in (layers.Conv2D, layers.Dense) and layer.name not in others:
            return layer
        return tfmot.sparsity.keras.prune_low_magnitude(layer, pruning_schedule=decay)

    wrapped = keras.models.clone_model(model, clone_function=wrap)
    callback = tfmot.sparsity.keras.UpdatePruningStep()
    callback.set_model(wrapped)
    callback.on_train_begin()

    def after_epoch() -> dict[str, float]:
        callback.on_epoch_end(0)
        masks = [mask for layer in callback.prunable_layers for _, mask, _ in layer.pruning_vars]
        kept = sum(float(mask.numpy().sum(dtype="float64")) for mask in masks)
        return {"mask_sparsity": 1 - kept / sum(int(mask.shape.num_elements()) for mask in masks)}

    return wrapped, after_epoch


def _estimate_s(preset: Preset, cell: Cell) -> float:
    return 20 + preset.pruning.schedules[str(cell.sparsity)].epochs * train.epoch_s(preset, cell) * 1.3


STAGE = Stage(
    name="prune",
    version=2,
    settings=_settings,
    applies=lambda cell: cell.precision is None and cell.sparsity > 0,
    inputs=lambda cell: (Artifact(cell.trained, WEIGHTS),),
    outputs=(WEIGHTS,),
    scratch=(CHECKPOINT,),
    values=PruneValues,
    execute=_execute,
    estimate_s=_estimate_s,
    datasets=lambda preset: prepare.digests(preset.data),
    process="tensorflow",
)
