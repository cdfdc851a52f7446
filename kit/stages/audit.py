"""Stage `audit`: which operators ruin an int8 file, and what leaving some in float gives back.

It is not part of every run: `kit audit`, or a preset with [audit], asks for it, and then for one seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kit.datasets import prepare
from kit.errors import KitError
from kit.runs import predictions
from kit.runs.artifacts import MODEL, WEIGHTS, Artifact
from kit.runs.stage import Stage, StageContext
from kit.stages import audited, convert, evaluate, train
from kit.stages.audited import AuditValues, Layer, Trial
from kit.study import datasets
from kit.study.grid import Cell
from kit.study.preset import Preset, lean
from kit.study.settings import Audit

if TYPE_CHECKING:
    from kit.stages.tensorflow.debugger import Debugger


def _settings(preset: Preset, cell: Cell) -> Mapping[str, object]:
    own = {"dataset": datasets.name_of(preset.dataset), **lean(preset.audit or Audit())}
    return {**convert.STAGE.settings(preset, cell), **own}


def _execute(context: StageContext) -> AuditValues:
    from kit.stages import interpreter
    from kit.stages.tensorflow import backend, models
    from kit.stages.tensorflow.debugger import Debugger
    from kit.stages.tensorflow.tflite import to_tflite

    preset, known = context.run.preset, context.run.preset.architecture(context.cell.architecture)
    backend.configure(preset.threads)
    model = models.of(context.run, context.cell)
    models.load_weights(model, context.run.path(context.cell.variant, WEIGHTS))
    images, file = convert.calibration(context), context.path(MODEL).read_bytes()
    debugger = Debugger(model, convert.scaled(images, known))
    if interpreter.quantization(debugger.file()) != interpreter.quantization(file):
        raise KitError(
            f"{context.run.relative(context.path(MODEL))} is quantized otherwise than it would be here",
            "delete its convert.json and convert it again",
        )
    layers = debugger.layers()
    return _Trials(context, debugger, layers).values(file, to_tflite(model, "float32"), len(images))


class _Trials:
    """Runs variants of one network on the test images."""

    def __init__(self, context: StageContext, debugger: Debugger, layers: tuple[Layer, ...]) -> None:
        self._context, self._debugger, self._layers = context, debugger, layers
        self._known = context.run.preset.architecture(context.cell.architecture)
        self._test = prepare.load(context.data, context.run.preset.dataset).test
        asked = context.run.preset.audit or Audit()
        ranked = audited.ranked(layers)
        self._worst = [ranked[:count] for count in asked.worst_layers]
        self._sections = audited.sections(layers, asked.sections)
        self._done = 0

    def values(self, int8: bytes, float32: bytes, calibration_images: int) -> AuditValues:
        """All of them; `int8` is the cell's file, `float32` the same network's."""
        return AuditValues(
            calibration_images=calibration_images,
            layers=self._layers,
            int8=self._trial((), int8),
            worst=tuple(map(self._trial, self._worst)),
            sections=tuple(map(self._trial, self._sections)),
            float32=self._trial(range(len(self._layers)), float32),
        )

    def _trial(self, places: Sequence[int], file: bytes | None = None) -> Trial:
        from kit.stages import interpreter

        in_float, total = audited.with_inputs(self._layers, places), len(self._worst) + len(self._sections) + 2
        self._context.progress(self._done, total, f"{len(in_float)} of {len(self._layers)} operators in float")
        self._done += 1
        file = file or self._debugger.file([self._layers[place].name for place in in_float])
        kept = predictions.join(list(evaluate.predicted(self._known, file, self._test, interpreter.takes_delegate(file))))
        return Trial(tuple(places), in_float, len(file), len(self._test), float(predictions.fair(kept).sum()))


def _estimate_s(preset: Preset, cell: Cell) -> float:
    asked = preset.audit or Audit()
    trials = len(asked.worst_layers) + asked.sections + 2
    return 40 + trials * (2 + preset.data.test_images / (train.images_per_s(preset, cell.architecture) * 4))


STAGE = Stage(
    name="audit",
    version=1,
    settings=_settings,
    applies=lambda cell: cell.precision == "int8",
    inputs=lambda cell: (Artifact(cell.variant, WEIGHTS), Artifact(cell, MODEL)),
    outputs=(),
    values=AuditValues,
    execute=_execute,
    estimate_s=_estimate_s,
    datasets=lambda preset: prepare.digests(preset.data),
    process="tensorflow",
    is_on_demand=True,
)
