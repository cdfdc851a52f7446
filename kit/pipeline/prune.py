"""Stage `prune`: gradual magnitude pruning (M. Zhu and S. Gupta, 2017, arXiv:1710.01878) of a trained network.

The study's published zeros (0.2553, 0.5621 and 0.8618 of MobileNet's parameters) are those of a schedule whose last mask
update comes one step before its end: with N updates the last one prunes to 1 - (1/N)**3 of the nominal sparsity. So the
schedule here updates at the first step of each of N equal parts, beginning with a sparsity of 0.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec

from kit.pipeline import dataset
from kit.pipeline.train import CHECKPOINT, WEIGHTS
from kit.records.run import Run
from kit.records.stage import Stage, Work
from kit.study.cells import Cell
from kit.study.datasets import dataset as known_dataset
from kit.study.preset import Preset, Schedule


def _settings(preset: Preset, cell: Cell) -> dict[str, Any]:
    settings: dict[str, Any] = msgspec.to_builtins(preset.pruning)
    settings.pop("schedules")
    return settings | {
        "architecture": cell.architecture,
        "sparsity": cell.sparsity,
        "schedule": msgspec.to_builtins(preset.pruning.schedules[str(cell.sparsity)]),
        "validation_images": preset.training.validation_images,
        "batch_norm_momentum": preset.training.batch_norm_momentum,
        "seed": preset.seed,
        "threads": preset.threads,
    }


def _execute(work: Work) -> dict[str, Any]:
    from kit.pipeline import backend, models
    from kit.pipeline.fit import Plan, fit
    from kit.study.architectures import architecture

    preset, cell, known = work.run.preset, work.cell, architecture(work.cell.architecture)
    pruning, schedule = preset.pruning, preset.pruning.schedules[str(cell.sparsity)]
    backend.configure(preset.threads)
    model = models.build(known.name, preset.seed, preset.training.batch_norm_momentum)
    models.load_weights(model, _trained(work.run, cell))
    train, selection = dataset.load(work.data, preset.dataset).held_out(preset.training.validation_images)
    steps = schedule.epochs * math.ceil(len(train) / pruning.batch_size)
    wrapped, after_epoch = _wrap(model, cell.sparsity / 100, schedule, steps, pruning.depthwise)
    plan = Plan(
        epochs=schedule.epochs,
        batch_size=pruning.batch_size,
        learning_rate=pruning.learning_rate,
        final_learning_rate=pruning.final_learning_rate,
        momentum=pruning.momentum,
        seed=preset.seed,
        input_scale=known.input_scale,
        input_offset=known.input_offset,
    )
    state = fit(wrapped, train, selection, plan, work.path(CHECKPOINT), work.fingerprint, work.progress, after_epoch)
    models.save_weights(model, work.path(WEIGHTS))  # the wrappers share the model's layers, so it is the pruned one
    return {"history": msgspec.to_builtins(state.history), "weights": models.count_zeros(model)}


def _wrap(model: Any, sparsity: float, schedule: Schedule, steps: int, depthwise: bool) -> tuple[Any, Any]:
    """The model with tfmot's pruning wrappers around what can be pruned, and what to call after each epoch."""
    from kit.pipeline.backend import keras, tfmot

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
        elif type(layer) not in (layers.Conv2D, layers.Dense):
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


def _trained(run: Run, cell: Cell) -> Path:
    return run.path(Cell(cell.architecture, 0), WEIGHTS)


def _inputs(run: Run, cell: Cell) -> list[Path]:
    return [_trained(run, cell)]


STAGE = Stage(
    name="prune",
    version=1,
    settings=_settings,
    inputs=_inputs,
    outputs=(WEIGHTS,),
    scratch=(CHECKPOINT,),
    execute=_execute,
    datasets=lambda preset: dataset.digests(known_dataset(preset.dataset)),
)
