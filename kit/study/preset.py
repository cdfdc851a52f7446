"""Presets: TOML files that say what one run does. Every number of the protocol stands in them."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from kit.errors import KitError, unknown
from kit.study.architectures import architecture
from kit.study.cells import PRECISIONS, Cell
from kit.study.datasets import dataset

BUILT_IN = ("smoke", "short", "paper")


class Training(Struct, frozen=True, forbid_unknown_fields=True):
    """How a network is trained. The learning rate falls linearly, step by step, to 0 at the last epoch.

    `validation_images` are held out of the training set to select the best epoch; 0 selects on the *test* set, as the
    study did. `batch_norm_momentum` replaces the architecture's own where a run is too short for it.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    patience_epochs: int
    validation_images: int
    learning_rates: dict[str, float] = field(default_factory=dict)
    batch_norm_momentum: float | None = None


class Schedule(Struct, frozen=True, forbid_unknown_fields=True):
    """A gradual pruning (Zhu & Gupta 2017): `steps` mask updates, evenly spread over `epochs`."""

    steps: int
    epochs: int


class Pruning(Struct, frozen=True, forbid_unknown_fields=True):
    """How a trained network is pruned. `schedules` has one entry per nominal sparsity in percent, as text.

    `depthwise` also prunes depthwise kernels, which tfmot leaves alone (and the study, by that, did too).
    """

    batch_size: int
    learning_rate: float
    final_learning_rate: float
    momentum: float
    schedules: dict[str, Schedule]
    depthwise: bool = False


class Quantization(Struct, frozen=True, forbid_unknown_fields=True):
    """`calibration_images` training images, the first in the data set's own order, are the representative dataset."""

    calibration_images: int


class Bench(Struct, frozen=True, forbid_unknown_fields=True):
    """How latency and peak memory are measured: `processes` fresh processes, one inference at a time, one thread."""

    processes: int
    warmup_inferences: int
    inferences: int


class Difference(Struct, frozen=True):
    """One setting, by its name in the preset's file, and its value here and in `paper`: None where it is absent."""

    setting: str
    own: Any
    paper: Any


class Preset(Struct, frozen=True, forbid_unknown_fields=True):
    """All that decides a run: the grid, the data set, and the protocol of each stage.

    `threads` is the number of threads of one training process: results depend on it, so it is part of the protocol.
    """

    name: str
    dataset: str
    architectures: tuple[str, ...]
    sparsities: tuple[int, ...]
    precisions: tuple[str, ...]
    training: Training
    pruning: Pruning
    quantization: Quantization
    bench: Bench
    extra_architectures: tuple[str, ...] = ()
    seed: int = 1
    threads: int = 1

    def cells(self) -> list[Cell]:
        """The whole grid, in the order of the preset."""
        return [Cell(a, s, p) for a in self.architectures for s in self.sparsities for p in self.precisions]

    def with_extra(self) -> Preset:
        """The same preset with its extra architectures in the grid (`--all`)."""
        more = tuple(a for a in self.extra_architectures if a not in self.architectures)
        return msgspec.structs.replace(self, architectures=self.architectures + more)

    def differences(self) -> list[Difference]:
        """In what this preset's protocol differs from `paper`; empty for `paper` itself."""
        return list(_differences(msgspec.to_builtins(load("paper")), msgspec.to_builtins(self)))


_NOT_PROTOCOL = {"name", "architectures", "extra_architectures", "sparsities", "precisions", "bench"}


def _differences(paper: dict[str, Any], own: dict[str, Any], prefix: str = "") -> list[Difference]:
    found = []
    for key in {**paper, **own}:
        ours, theirs = own.get(key), paper.get(key)
        if (key in _NOT_PROTOCOL and not prefix) or ours == theirs:
            continue
        if isinstance(ours, dict) and isinstance(theirs, dict):
            found += _differences(theirs, ours, f"{prefix}{key}.")
        else:
            found.append(Difference(prefix + key, ours, theirs))
    return found


def load(name_or_path: str) -> Preset:
    """A built-in preset by name, or a user's by the path of its TOML file. Raises KitError naming what is wrong in it."""
    path = Path(name_or_path)
    if name_or_path in BUILT_IN:
        text = resources.files("kit.study.presets").joinpath(f"{name_or_path}.toml").read_text("utf-8")
    elif path.suffix == ".toml" and path.is_file():
        text = path.read_text("utf-8", errors="replace")
    elif path.suffix == ".toml":
        raise KitError(f"no preset at {name_or_path}", "give the path of a TOML file, or smoke, short or paper")
    else:
        raise unknown("preset", name_or_path, BUILT_IN)
    return parse(text, name_or_path)


def parse(text: str, source: str) -> Preset:
    """Read and check a preset's text. `source` is only for the error message."""
    try:
        preset = msgspec.toml.decode(text, type=Preset)
    except (msgspec.DecodeError, ValueError) as error:
        raise KitError(f"preset {source} cannot be read", str(error)) from error
    _check(preset, source)
    return preset


def _check(preset: Preset, source: str) -> None:
    try:
        _check_names(preset)
        _check_grid(preset)
        _check_counts(preset)
    except KitError as error:
        raise KitError(f"preset {source}: {error}") from error


def _check_names(preset: Preset) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", preset.name):
        raise KitError(f"{preset.name!r} cannot name a run's folder", "use letters, digits and . _ + -")
    dataset(preset.dataset)
    for name in (*preset.architectures, *preset.extra_architectures, *preset.training.learning_rates):
        architecture(name)
    for precision in preset.precisions:
        if precision not in PRECISIONS:
            raise unknown("precision", precision, PRECISIONS)


def _check_grid(preset: Preset) -> None:
    for grid in ("architectures", "sparsities", "precisions"):
        values = getattr(preset, grid)
        if not values or len(set(values)) != len(values):
            raise KitError(f"{grid} is empty or names one twice", "name each once")
    for sparsity in preset.sparsities:
        if not 0 <= sparsity < 100:
            raise KitError(f"sparsity {sparsity} is not between 0 and 99", "sparsities are in percent")
        if sparsity and str(sparsity) not in preset.pruning.schedules:
            raise KitError(f"sparsity {sparsity} has no schedule", f"add [pruning.schedules] {sparsity} = ...")


def _check_counts(preset: Preset) -> None:
    counts = {
        "training.epochs": preset.training.epochs,
        "training.batch_size": preset.training.batch_size,
        "pruning.batch_size": preset.pruning.batch_size,
        "quantization.calibration_images": preset.quantization.calibration_images,
        "bench.processes": preset.bench.processes,
        "bench.inferences": preset.bench.inferences,
        "threads": preset.threads,
    }
    for sparsity, schedule in preset.pruning.schedules.items():
        counts[f"pruning.schedules.{sparsity}.epochs"] = schedule.epochs
        counts[f"pruning.schedules.{sparsity}.steps"] = schedule.steps
    for what, count in counts.items():
        if count < 1:
            raise KitError(f"{what} is {count}", "it must be at least 1")
    if not 0 <= preset.training.validation_images < dataset(preset.dataset).train_images:
        raise KitError(
            f"training.validation_images is {preset.training.validation_images}", "it must leave images to train on"
        )
