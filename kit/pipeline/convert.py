"""Stage `convert`: the weights of a variant as one .tflite file, quantized after training where the precision says so."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

from kit.pipeline import dataset
from kit.pipeline.train import WEIGHTS
from kit.records import store
from kit.records.run import Run
from kit.records.stage import Stage, Work
from kit.study.cells import Cell
from kit.study.datasets import dataset as known_dataset
from kit.study.preset import Preset

MODEL = "model.tflite"
_CALIBRATED = ("int8", "integer")


def _settings(preset: Preset, cell: Cell) -> dict[str, Any]:
    settings: dict[str, Any] = {"architecture": cell.architecture, "precision": cell.precision}
    if cell.precision in _CALIBRATED:
        settings["calibration_images"] = preset.quantization.calibration_images
        settings["validation_images"] = preset.training.validation_images
    return settings


def _execute(work: Work) -> dict[str, Any]:
    from kit.pipeline import backend, models
    from kit.pipeline.tflite import to_tflite
    from kit.study.architectures import architecture

    preset, known, precision = work.run.preset, architecture(work.cell.architecture), work.cell.precision
    assert precision is not None
    backend.configure(preset.threads)
    model = models.build(known.name, preset.seed)
    models.load_weights(model, _weights(work.run, work.cell))
    train, _ = dataset.load(work.data, preset.dataset).held_out(preset.training.validation_images)
    images = train.images[: preset.quantization.calibration_images]
    scaled = images.astype("float32") * known.input_scale + known.input_offset
    content = to_tflite(model, precision, scaled.astype("float32"))
    store.write(work.path(MODEL), content)
    values: dict[str, Any] = {
        "size_bytes": len(content),
        "gzip_bytes": len(gzip.compress(content, compresslevel=9, mtime=0)),
    }
    if precision in _CALIBRATED:
        values["calibration"] = {"images": len(images), "sha256": hashlib.sha256(images.tobytes()).hexdigest()}
    return values


def _weights(run: Run, cell: Cell) -> Path:
    return run.path(cell.variant, WEIGHTS)


def _inputs(run: Run, cell: Cell) -> list[Path]:
    return [_weights(run, cell)]


def _datasets(preset: Preset) -> dict[str, str]:
    return dataset.digests(known_dataset(preset.dataset))


STAGE = Stage(
    name="convert",
    version=1,
    settings=_settings,
    inputs=_inputs,
    outputs=(MODEL,),
    execute=_execute,
    datasets=_datasets,
)
