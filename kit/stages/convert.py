"""Stage `convert`: the weights of a variant as one .tflite file, quantized after training where the precision says so."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kit import store
from kit.datasets import prepare
from kit.runs.artifacts import MODEL, WEIGHTS, Artifact
from kit.runs.stage import Stage, StageContext
from kit.stages import train
from kit.stages.values import Calibration, ConvertValues
from kit.study.architectures import Architecture
from kit.study.grid import Cell
from kit.study.preset import Preset, lean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kit.datasets.splits import Images

_CALIBRATED = ("int8", "integer")


def _settings(preset: Preset, cell: Cell) -> Mapping[str, object]:
    settings: dict[str, object] = {"architecture": cell.architecture, "precision": cell.precision}
    if cell.precision in _CALIBRATED:
        settings |= lean(preset.quantization)
        settings["validation_images"] = preset.training.validation_images
    return settings | train.network(preset, cell)


def _execute(context: StageContext) -> ConvertValues:
    from kit.stages.tensorflow import backend, models
    from kit.stages.tensorflow.tflite import to_tflite

    preset, precision = context.run.preset, context.cell.precision
    known = preset.architecture(context.cell.architecture)
    assert precision is not None
    backend.configure(preset.threads)
    model = models.of(context.run, context.cell)
    models.load_weights(model, context.run.path(context.cell.variant, WEIGHTS))
    images = calibration(context)
    content = to_tflite(model, precision, scaled(images, known))
    store.write(context.path(MODEL), content)
    order = preset.quantization.calibration_order
    used = Calibration(len(images), hashlib.sha256(images.tobytes()).hexdigest(), order)
    return ConvertValues(**_sizes(content), calibration=used if precision in _CALIBRATED else None)


def _sizes(content: bytes) -> dict[str, int]:
    return {"size_bytes": len(content), "gzip_bytes": len(gzip.compress(content, compresslevel=9, mtime=0))}


def scaled(images: Images, known: Architecture) -> NDArray[np.float32]:
    """The images as float32, as the network wants them."""
    real = images.astype("float32") * known.input_scale + known.input_offset
    return real.astype("float32")


def calibration(context: StageContext) -> Images:
    """The training images that the converter estimates ranges from."""
    preset = context.run.preset
    wanted, data = preset.quantization, prepare.load(context.data, preset.dataset)
    return data.calibration(wanted.calibration_images, preset.training.validation_images, wanted.calibration_order)


STAGE = Stage(
    name="convert",
    version=1,
    settings=_settings,
    applies=lambda cell: cell.precision is not None,
    inputs=lambda cell: (Artifact(cell.variant, WEIGHTS),),
    outputs=(MODEL,),
    values=ConvertValues,
    execute=_execute,
    estimate_s=lambda preset, cell: 4.0,
    recomputed=_sizes,
    datasets=lambda preset: prepare.digests(preset.data),
    process="tensorflow",
)
