"""Made-up runs: real records and prediction files in a run's own layout, with figures that a test chooses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from safetensors.numpy import save

from kit.pipeline import evaluate, prune, train
from kit.records import record as records
from kit.records import store
from kit.records.run import Run, create
from kit.study.architectures import ARCHITECTURES
from kit.study.cells import Cell
from kit.study.preset import load
from kit.study.published import published

IMAGES, CLASSES, PROCESSES = 10_000, 10, 5
TILT = (np.arange(CLASSES) - 4.5) / 4.5  # from -1 to 1 over the classes, 0 on average
_LABELS = (np.arange(IMAGES) % CLASSES).astype(np.uint8)
_HARDNESS = (
    np.tile(np.random.default_rng(1).permuted(np.arange(IMAGES // CLASSES))[:, None], CLASSES).ravel() * CLASSES / IMAGES
)
ENVIRONMENT = {
    "kit": "0.1.0",
    "python": "3.11.0",
    "packages": {"tensorflow": "2.21.0"},
    "system": "Linux",
    "architecture": "x86_64",
    "processor": "Made-up",
    "cores": 2,
    "memory_bytes": 1,
    "image": "",
}


class Figures(Struct, frozen=True):
    """What a made-up cell is like. `top1` has one value a class; None: the stage left no record."""

    top1: tuple[float, ...] | None
    train_top1: float
    size_bytes: int | None
    gzip_bytes: int
    latency_us: float | None
    memory_bytes: float


def like_the_study(cell: Cell) -> Figures:
    """A cell of a run on which every claim of the study holds."""
    tables = published()
    float32, int8 = tables.trained[cell.architecture], tables.quantized[cell.architecture]
    own = int8 if cell.precision == "int8" else float32
    step = cell.sparsity / 90
    loss = (0.05 if cell.architecture == "mobilenet" else 0.2) * step
    tilt = 0.04 * step + (0.03 if cell.precision == "int8" else 0)
    size = own.file_mb * 1e6
    smallest = 0.25 if cell.architecture == "mobilenet" else 0.3  # 0.9 MB of MobileNet's 3.6
    return Figures(
        top1=tuple(own.top1 - loss + tilt * TILT),
        train_top1=own.top1 + 0.15,
        size_bytes=round(size),
        gzip_bytes=round(size * (0.92 - (0.92 - smallest) * step)),
        latency_us=own.latency_us,
        memory_bytes=own.memory_mib * 2**20,
    )


def upside_down(cell: Cell) -> Figures:
    """A cell of a run on which no claim of the study holds."""
    is_v3, is_hero = cell.architecture.startswith("mobilenet_v3"), cell.architecture == "mobilenet"
    step = cell.sparsity / 90
    lost = 0.1 * (cell.precision == "int8") * (not is_v3) * (1.5 if is_hero else 1)
    gained = (0.02 if is_hero else 0.1) * step
    return Figures(
        top1=(0.6 + 0.1 * is_v3 - lost + gained,) * CLASSES,
        train_top1=0.6,
        size_bytes=round(1e7 * (1 + step)),
        gzip_bytes=round(2e6 * (1 + step)),
        latency_us=(1000 if cell.architecture == "efficientnet_b0" else 5000) * (1 + step),
        memory_bytes=1e7 * (1 + step),
    )


def make(
    folder: Path,
    figures: Callable[[Cell], Figures | None] = like_the_study,
    *,
    dataset: str = "cifar10",
    origin: str = "device",
    seed: int = 1,
    bench: Callable[[Cell], dict[str, dict[str, Any]]] | None = None,
) -> Run:
    """A run of the paper's grid. `figures` may leave a cell out; `bench` gives a cell's bench records by file name."""
    run = create(folder, replace(load("paper"), dataset=dataset, seed=seed))
    for cell in run.preset.cells():
        wanted = figures(cell)
        if wanted is None:
            continue
        _made(run, cell)
        if wanted.size_bytes is not None:
            _write(run, "convert", cell, {"size_bytes": wanted.size_bytes, "gzip_bytes": wanted.gzip_bytes})
        if wanted.top1 is not None:
            _evaluation(run, cell, wanted)
        benches = bench(cell) if bench else {}
        if wanted.latency_us is not None and not bench:
            benches = {"bench.json" if origin == "host" else "bench.pi.json": values(wanted, origin)}
        for name, measured in benches.items():
            _write(run, "bench", cell, measured, settings(measured), name)
    return run


def values(
    wanted: Figures, origin: str, processes: int = PROCESSES, model: str = "Raspberry Pi 4 Model B"
) -> dict[str, Any]:
    """What a bench record holds: each process a bit faster or slower than the one before."""
    assert wanted.latency_us is not None
    samples = [
        {
            "latency_ns": [round(1000 * us) for us in _jittered(wanted.latency_us, process)],
            "warmup_ns": [],
            "base_rss_bytes": 10_000_000,
            "peak_rss_bytes": 10_000_000 + round(wanted.memory_bytes) + 4096 * process,
        }
        for process in range(processes)
    ]
    return {"origin": origin, "samples": samples} | ({"device": {"model": model}} if origin == "device" else {})


def settings(measured: dict[str, Any]) -> dict[str, Any]:
    device = {"host": "local"}.get(measured["origin"], "pi")
    return {"interpreter": measured.get("interpreter", "tflite"), "threads": 1, "device": device, "protocol": "rigorous"}


def _jittered(middle: float, process: int) -> Iterator[float]:
    for index in range(50):
        yield middle * (1 + 0.005 * (process % 3 - 1)) * (1 + 0.002 * (index % 11 - 5))


def _made(run: Run, cell: Cell) -> None:
    """The record of the training or of the pruning, with as many zeros as the sparsity says."""
    total = ARCHITECTURES[cell.architecture].parameters
    weights = {"pointwise": {"parameters": total, "zeros": total * cell.sparsity // 100}}
    stage = prune.STAGE if cell.sparsity else train.STAGE
    own = stage.settings(run.preset, cell.variant)
    _write(run, stage.name, cell.variant, {"weights": weights, "history": []}, own)


def _evaluation(run: Run, cell: Cell, wanted: Figures) -> None:
    right = np.asarray(wanted.top1)[_LABELS] > _HARDNESS
    first = np.where(right, _LABELS, (_LABELS + 1) % CLASSES)
    top3 = np.stack([first, (_LABELS + 2) % CLASSES, (_LABELS + 3) % CLASSES], axis=1).astype(np.uint8)
    kept = {"label": _LABELS, "top3": top3, "true_probability": np.full(IMAGES, 0.5, np.float32)}
    tensors = {f"test/{key}": value for key, value in kept.items()}
    store.write(run.path(cell, evaluate.PREDICTIONS), save(tensors))
    train_right = round(5 * wanted.train_top1 * IMAGES / CLASSES)
    confusion = np.diag([train_right] * CLASSES) + np.diag([IMAGES // 2 - train_right] * (CLASSES - 1), 1)
    confusion[-1, 0] = IMAGES // 2 - train_right
    train = {"n": 5 * IMAGES, "loss_sum": 1.0, "top3_correct": 5 * IMAGES, "confusion": confusion.tolist()}
    kind = "int8" if cell.precision == "int8" else "float32"
    contents = {"constants": {kind: {"parameters": 100, "zeros": cell.sparsity}}, "operators": {"CONV_2D": {kind: 3}}}
    _write(run, "evaluate", cell, {"test": evaluate.counts(tensors, "test"), "train": train, "contents": contents})


def _write(
    run: Run, stage: str, cell: Cell, values: dict[str, Any], settings: dict[str, Any] | None = None, name: str = ""
) -> None:
    given = settings or {}
    record = records.Record(
        format=records.FORMAT,
        stage=stage,
        cell=cell.name,
        version=1,
        settings=given,
        inputs={},
        outputs={run.relative(path): store.sha256(path) for path in [run.path(cell, evaluate.PREDICTIONS)]}
        if stage == "evaluate"
        else {},
        values=msgspec.to_builtins(values),
        environment=ENVIRONMENT,
        started="2021-03-31T12:00:00+00:00",
        duration_s=1.0,
        fingerprint=records.fingerprint(stage, 1, given, {}),
    )
    store.write(run.path(cell, name or f"{stage}.json"), records.encode(record))
