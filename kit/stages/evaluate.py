"""Stage `evaluate`: the .tflite file of a cell on every training and test image, through the interpreter."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from kit import store
from kit.datasets import prepare
from kit.datasets.splits import Split
from kit.runs import predictions
from kit.runs.artifacts import MODEL, PREDICTIONS, Artifact
from kit.runs.counts import counts
from kit.runs.predictions import Predictions
from kit.runs.record import plain
from kit.runs.stage import Stage, StageContext
from kit.stages import train
from kit.stages.values import Engine, EvaluateValues, WithoutDelegate
from kit.study import datasets
from kit.study.architectures import Architecture
from kit.study.grid import Cell
from kit.study.preset import Preset

_CHUNK_PIXELS = 2_000 * 32 * 32
_ROUNDED_OTHERWISE = ("int8", "integer")  # precisions that the built-in kernels round differently from XNNPACK


def _settings(preset: Preset, cell: Cell) -> Mapping[str, object]:
    return {"dataset": datasets.name_of(preset.dataset), "interpreter": "litert"} | train.own_network(preset, cell)


def _execute(context: StageContext) -> EvaluateValues:
    """All images through the fast engine; the test images of an int8 cell also through the study's kind of engine, which
    takes all where the fast one refuses the file."""
    from kit.stages import interpreter

    model, known = context.path(MODEL).read_bytes(), context.run.preset.architecture(context.cell.architecture)
    data = prepare.load(context.data, context.run.preset.dataset)
    fast = interpreter.takes_delegate(model)
    passes = [("test", data.test, fast), ("train", data.train, fast)]
    if fast and context.cell.precision in _ROUNDED_OTHERWISE:
        passes.append(("plain", data.test, False))
    total, done = sum(len(images) for _, images, _ in passes), 0
    kept: dict[str, Predictions] = {}
    for name, images, delegate in passes:
        parts = []
        for part in predicted(known, model, images, delegate):
            parts.append(part)
            done += len(part.label)
            split = "train" if name == "train" else "test"
            context.progress(done, total, f"{split} images{'' if delegate else ', no delegate'}")
        kept[name] = predictions.join(parts)
    plain = kept.pop("plain", None)
    store.write(context.path(PREDICTIONS), predictions.encode(kept))
    return EvaluateValues(
        test=counts(kept["test"]),
        train=counts(kept["train"]),
        contents=interpreter.contents(model),
        engine=Engine("litert", "xnnpack" if fast else "none", _without_delegate(kept["test"], plain)),
    )


def predicted(known: Architecture, model: bytes, images: Split, delegate: bool) -> Iterator[Predictions]:
    """What is kept of the images, chunk by chunk. `model` is a .tflite file of this architecture."""
    from kit.stages import interpreter

    count = max(50, _CHUNK_PIXELS // math.prod(images.images.shape[1:3]))
    for start in range(0, len(images), count):
        chunk = images[start : start + count]
        scaled = (chunk.images * known.input_scale + known.input_offset).astype("float32")
        yield predictions.keep(interpreter.probabilities(model, scaled, delegate=delegate), chunk.labels)


def _without_delegate(test: Predictions, plain: Predictions | None) -> WithoutDelegate | None:
    """The test images through built-in kernels, as the study ran them: how many predictions differ, and their counts."""
    if plain is None:
        return None
    return WithoutDelegate(predictions.differing(test, plain), counts(plain))


def _recomputed(content: bytes) -> dict[str, object]:
    """The counts of each split that is kept."""
    return {name: plain(counts(split)) for name, split in predictions.decode(content).items()}


def _estimate_s(preset: Preset, cell: Cell) -> float:
    return 1 + (preset.data.train_images + preset.data.test_images) / (train.images_per_s(preset, cell.architecture) * 4)


STAGE = Stage(
    name="evaluate",
    version=2,
    settings=_settings,
    applies=lambda cell: cell.precision is not None,
    inputs=lambda cell: (Artifact(cell, MODEL),),
    outputs=(PREDICTIONS,),
    values=EvaluateValues,
    execute=_execute,
    estimate_s=_estimate_s,
    recomputed=_recomputed,
    datasets=lambda preset: prepare.digests(preset.data),
)
