"""Stage `train`: an architecture from random weights to its best epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from kit.pipeline import dataset
from kit.records.run import Run
from kit.records.stage import Stage, Work
from kit.study.cells import Cell
from kit.study.datasets import dataset as known_dataset
from kit.study.preset import Preset

WEIGHTS = "weights.safetensors"
CHECKPOINT = "checkpoint.safetensors"


def learning_rate(preset: Preset, name: str) -> float:
    return preset.training.learning_rates.get(name, preset.training.learning_rate)


def _settings(preset: Preset, cell: Cell) -> dict[str, Any]:
    settings: dict[str, Any] = msgspec.to_builtins(preset.training)
    settings.pop("learning_rates")
    return settings | {
        "architecture": cell.architecture,
        "learning_rate": learning_rate(preset, cell.architecture),
        "seed": preset.seed,
        "threads": preset.threads,
        "selected_on": "validation" if preset.training.validation_images else "test",
    }


def _execute(work: Work) -> dict[str, Any]:
    from kit.pipeline import backend, models
    from kit.pipeline.fit import Plan, fit
    from kit.study.architectures import architecture

    preset, known = work.run.preset, architecture(work.cell.architecture)
    training = preset.training
    backend.configure(preset.threads)
    model = models.build(known.name, preset.seed, training.batch_norm_momentum)
    train, selection = dataset.load(work.data, preset.dataset).held_out(training.validation_images)
    plan = Plan(
        epochs=training.epochs,
        batch_size=training.batch_size,
        learning_rate=learning_rate(preset, known.name),
        final_learning_rate=0.0,
        momentum=training.momentum,
        seed=preset.seed,
        input_scale=known.input_scale,
        input_offset=known.input_offset,
        select_best=True,
        patience_epochs=training.patience_epochs,
    )
    state = fit(model, train, selection, plan, work.path(CHECKPOINT), work.fingerprint, work.progress)
    models.save_weights(model, work.path(WEIGHTS))
    return {
        "history": msgspec.to_builtins(state.history),
        "best_epoch": state.best_epoch,
        "weights": models.count_zeros(model),
        "images": {"train": len(train), "selection": len(selection)},
    }


def _inputs(run: Run, cell: Cell) -> list[Path]:
    return []


STAGE = Stage(
    name="train",
    version=1,
    settings=_settings,
    inputs=_inputs,
    outputs=(WEIGHTS,),
    scratch=(CHECKPOINT,),
    execute=_execute,
    datasets=lambda preset: dataset.digests(known_dataset(preset.dataset)),
)
