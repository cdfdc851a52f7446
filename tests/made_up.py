"""Made-up runs: real records and prediction files in a run's own layout, with figures that a test chooses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from kit import store
from kit.bench.measure import BenchSeries
from kit.runs import predictions
from kit.runs.artifacts import MODEL, PREDICTIONS, WEIGHTS, Artifact
from kit.runs.counts import counts
from kit.runs.record import FORMAT, Record, encode_record, fingerprint_of, plain
from kit.runs.run import Run, create
from kit.stages import prune, train
from kit.stages.registry import STAGES
from kit.study.architectures import ARCHITECTURES
from kit.study.grid import Cell
from kit.study.preset import load
from kit.study.protocols import PROTOCOLS
from kit.study.published import published

IMAGES, CLASSES, PROCESSES = 10_000, 10, 5
EPOCHS = 20
SPREAD = 0.01  # of top-1 over trainings, as a fraction
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
    """A cell of a run on which every claim of the study holds: its published numbers, made uneven over the classes."""
    own = published().of(cell)
    assert own is not None
    tilt = 0.04 * cell.sparsity / 90 + (0.03 if cell.precision == "int8" else 0)
    return Figures(
        top1=tuple(own.top1 + tilt * TILT),
        train_top1=own.train_top1 or own.top1 + 0.15,
        size_bytes=round(own.file_mb * 1e6),
        gzip_bytes=round(own.gzip_mb * 1e6),
        latency_us=own.latency_us,
        memory_bytes=own.memory_mib * 2**20,
    )


def upside_down(cell: Cell) -> Figures:
    """A cell of a run on which no claim of the study holds."""
    name, is_int8, step = cell.architecture, cell.precision == "int8", cell.sparsity / 90
    is_v3, is_hero, is_small = name.startswith("mobilenet_v3"), name == "mobilenet", name.endswith("minimalistic")
    steps = {30: -0.03, 60: -0.01, 90: 0.1} if name == "mobilenet_v3_large" else {30: -0.02, 60: 0.03, 90: 0.1}
    steps |= {30: -0.06, 60: -0.04, 90: 0.01} if is_hero else {90: 0.15} if is_small else {}
    lost = 0.1 * is_int8 * (not is_v3) * (1.5 if is_hero else 1)
    first = 0.62 if is_hero else 0.7 if is_v3 else 0.6
    slow = {"efficientnet_b0": 1000, "mobilenet_v3_small": 6000}.get(name, 5000) * (1.5 if is_small and is_int8 else 1)
    return Figures(
        top1=(first - lost + steps.get(cell.sparsity, 0),) * CLASSES,
        train_top1=0.6,
        size_bytes=round((2e7 if name == "mobilenet_v3_small" else 1e7 if name == "mobilenet_v2" else 0.5e7) * (1 + step)),
        gzip_bytes=round((4e6 if is_v3 else 2e6 if name == "mobilenet_v2" else 1e6) * (1 + step)),
        latency_us=slow * (1 + step),
        memory_bytes=(0.5e7 if is_v3 else 1e7) * (0.8 if is_small and is_int8 else 1) * (1 + step),
    )


def spread_over_seeds(cell: Cell) -> Figures:
    """A cell of a run of several seeds: `like_the_study`, but each training up to SPREAD better or worse, by class too."""
    usual = like_the_study(cell)
    drawn = np.random.default_rng([cell.seed, *cell.architecture.encode(), cell.sparsity])
    off = SPREAD * drawn.uniform(-1, 1) + SPREAD / 2 * drawn.uniform(-1, 1, CLASSES)
    assert usual.top1 is not None
    return replace(usual, top1=tuple(np.clip(np.asarray(usual.top1) + off, 0, 1)))


def make(
    folder: Path,
    figures: Callable[[Cell], Figures | None] = like_the_study,
    *,
    dataset: str = "cifar10",
    origin: str = "device",
    seed: int = 1,
    seeds: tuple[int, ...] = (),
    patience_epochs: int = 50,
    bench: Callable[[Cell], dict[str, dict[str, Any]]] | None = None,
) -> Run:
    """A run of the paper's grid, of one `seed` or of several `seeds`. `figures` may leave a cell out; `bench` gives a cell's
    bench records by file name."""
    paper = load("paper").with_extra()
    training = replace(paper.training, patience_epochs=patience_epochs)
    run = create(folder, replace(paper, dataset=dataset, seeds=seeds or (seed,), training=training))
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
            benches = {"bench.local.json" if origin == "local" else "bench.pi.json": values(wanted, origin)}
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
    device = {"model": model if origin == "device" else ENVIRONMENT["processor"]}
    return {"origin": origin, "device": device, "samples": samples, "validity": "valid"}


def settings(measured: dict[str, Any]) -> dict[str, Any]:
    protocol = PROTOCOLS[measured.get("protocol", "rigorous")]
    series = BenchSeries(protocol, measured.get("interpreter", "tflite"), measured.get("delegate", "xnnpack"), 1)
    return plain(series.settings("local" if measured["origin"] == "local" else "pi", 0))


def _jittered(middle: float, process: int) -> Iterator[float]:
    for index in range(50):
        yield middle * (1 + 0.005 * (process % 3 - 1)) * (1 + 0.002 * (index % 11 - 5))


def _made(run: Run, cell: Cell) -> None:
    """The record of the training or of the pruning, with as many zeros as the sparsity says."""
    total = ARCHITECTURES[cell.architecture].parameters
    weights = {"pointwise": {"parameters": total, "zeros": total * cell.sparsity // 100}}
    stage = prune.STAGE if cell.sparsity else train.STAGE
    own = stage.settings(run.preset, cell.variant)
    for place in (cell.trained, cell.variant):
        _dummy(run.path(place, WEIGHTS), place)
    _dummy(run.path(cell, MODEL), cell)
    _write(run, stage.name, cell.variant, {"weights": weights, **_history(cell)}, own)


def _history(cell: Cell) -> dict[str, Any]:
    """Losses that fall and accuracies that rise epoch by epoch; of a pruning, masks that fill up."""
    epochs = [
        {
            "loss": 2 / (epoch + 1),
            "top1": 0.8 - 0.5 / (epoch + 1),
            "selection_loss": 2.1 / (epoch + 1),
            "selection_top1": 0.75 - 0.5 / (epoch + 1),
            "extra": {"mask_sparsity": cell.sparsity / 100 * min(1, epoch / 10)} if cell.sparsity else {},
        }
        for epoch in range(EPOCHS)
    ]
    return {"history": epochs} if cell.sparsity else {"history": epochs, "best_epoch": EPOCHS - 1}


def _dummy(path: Path, cell: Cell) -> None:
    """A file that nobody opens; records name its hash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(cell.name)


def _evaluation(run: Run, cell: Cell, wanted: Figures) -> None:
    right = np.asarray(wanted.top1)[_LABELS] > _HARDNESS
    first = np.where(right, _LABELS, (_LABELS + 1) % CLASSES)
    probabilities = np.full((IMAGES, CLASSES), 0.01, np.float32)
    for place, classes in enumerate((first, (_LABELS + 2) % CLASSES, (_LABELS + 3) % CLASSES)):
        probabilities[np.arange(IMAGES), classes] = 0.5 - place / 10
    kept = predictions.keep(probabilities, _LABELS)
    store.write(run.path(cell, PREDICTIONS), predictions.encode({"test": kept}))
    train_right = round(5 * wanted.train_top1 * IMAGES / CLASSES)
    confusion = np.diag([train_right] * CLASSES) + np.diag([IMAGES // 2 - train_right] * (CLASSES - 1), 1)
    confusion[-1, 0] = IMAGES // 2 - train_right
    train = {"n": 5 * IMAGES, "loss_sum": 1.0, "top3_correct": 5 * IMAGES, "confusion": confusion.tolist()}
    kind = "int8" if cell.precision == "int8" else "float32"
    contents = {"constants": {kind: {"parameters": 100, "zeros": cell.sparsity}}, "operators": {"CONV_2D": {kind: 3}}}
    _write(run, "evaluate", cell, {"test": plain(counts(kept)), "train": train, "contents": contents})


def _write(
    run: Run, stage: str, cell: Cell, values: dict[str, Any], settings: dict[str, Any] | None = None, name: str = ""
) -> None:
    known = STAGES.get(stage)
    given = settings or (known.settings(run.preset, cell) if known else {})
    version = known.version if known else 3
    read = known.inputs(cell) if known else (Artifact(cell, MODEL),)
    inputs = {run.relative(path): store.sha256(path) for path in (run.path(one.cell, one.file) for one in read)}
    inputs |= known.datasets(run.preset) if known else {}
    outputs = [run.path(cell, file) for file in known.outputs] if known else []
    record = Record(
        format=FORMAT,
        stage=stage,
        cell=cell.name,
        version=version,
        settings=given,
        inputs=inputs,
        outputs={run.relative(path): store.sha256(path) for path in outputs},
        values=msgspec.to_builtins(values),
        environment=ENVIRONMENT,
        started="2021-03-31T12:00:00+00:00",
        duration_s=1.0,
        fingerprint=fingerprint_of(stage, version, given, inputs),
    )
    store.write(run.path(cell, name or f"{stage}.json"), encode_record(record))
