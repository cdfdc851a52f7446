"""Stage `evaluate`: the .tflite file of a cell on every training and test image, through the interpreter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kit.pipeline import dataset
from kit.pipeline.convert import MODEL
from kit.records import store
from kit.records.run import Run
from kit.records.stage import Stage, Work
from kit.study.cells import Cell
from kit.study.datasets import dataset as known_dataset
from kit.study.preset import Preset

if TYPE_CHECKING:
    import numpy as np

PREDICTIONS = "predictions.safetensors"
_CHUNK = 2_000
_SMALLEST = 1e-7  # a probability of 0 would make the loss infinite; Keras clips at the same value


def _settings(preset: Preset, cell: Cell) -> dict[str, Any]:
    return {"dataset": preset.dataset, "interpreter": "litert"}


def _execute(work: Work) -> dict[str, Any]:
    from safetensors.numpy import save

    from kit.pipeline import interpret
    from kit.study.architectures import architecture

    known, model = architecture(work.cell.architecture), work.path(MODEL).read_bytes()
    data = dataset.load(work.data, work.run.preset.dataset)
    total = len(data.train) + len(data.test)
    tensors: dict[str, np.ndarray[Any, Any]] = {}
    done = 0
    for name, split in (("test", data.test), ("train", data.train)):
        parts = []
        for start in range(0, len(split), _CHUNK):
            chunk = split[start : start + _CHUNK]
            scaled = (chunk.images * known.input_scale + known.input_offset).astype("float32")
            parts.append(predictions(interpret.probabilities(model, scaled), chunk.labels))
            done += len(chunk)
            work.progress(done, total, f"{name} images")
        for key in parts[0]:
            tensors[f"{name}/{key}"] = _joined(parts, key)
    store.write(work.path(PREDICTIONS), save(tensors))
    return {
        **{name: counts(tensors, name) for name in ("test", "train")},
        "contents": msgspec.to_builtins(interpret.contents(model)),
    }


def predictions(probabilities: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """What is kept of each image: its label, the three most probable classes (uint8, best first, ties to the lower class)
    and the probability of the true class (float32)."""
    import numpy as np

    top3 = np.argsort(-probabilities, axis=1, kind="stable")[:, :3].astype(np.uint8)
    return {
        "label": labels,
        "top3": top3,
        "true_probability": probabilities[np.arange(len(labels)), labels].astype(np.float32),
    }


def counts(tensors: dict[str, np.ndarray[Any, Any]], split: str) -> dict[str, Any]:
    """The raw counts of one split from its predictions: from these all accuracies are computed."""
    import numpy as np

    label, top3 = tensors[f"{split}/label"], tensors[f"{split}/top3"]
    confusion = np.zeros((10, 10), np.int64)
    np.add.at(confusion, (label, top3[:, 0]), 1)
    probability = np.maximum(tensors[f"{split}/true_probability"].astype(np.float64), _SMALLEST)
    return {
        "n": len(label),
        "loss_sum": float(-np.log(probability).sum()),
        "top3_correct": int((top3 == label[:, None]).any(axis=1).sum()),
        "confusion": confusion.tolist(),
    }


def _joined(parts: list[dict[str, np.ndarray[Any, Any]]], key: str) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.concatenate([part[key] for part in parts])


def _inputs(run: Run, cell: Cell) -> list[Path]:
    return [run.path(cell, MODEL)]


STAGE = Stage(
    name="evaluate",
    version=1,
    settings=_settings,
    inputs=_inputs,
    outputs=(PREDICTIONS,),
    execute=_execute,
    datasets=lambda preset: dataset.digests(known_dataset(preset.dataset)),
)
