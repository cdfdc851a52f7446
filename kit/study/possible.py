"""What a preset can ask for: every setting that no run could follow, found before any work begins."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

from kit.errors import KitError, unknown
from kit.study import architectures, datasets
from kit.study.datasets import Dataset, OwnDataset
from kit.study.grid import PRECISIONS
from kit.study.protocols import PROTOCOLS
from kit.study.settings import Network, Schedule, Settings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_THREADS = 1024
_SMALLEST, _LARGEST = 8, 1024  # pixels that an image is wide


def objections(preset: Settings) -> list[str]:
    """What is impossible, each with the setting's name in the file; empty for a preset that can be followed."""
    found = [*_names(preset), *_grid(preset), *_audit(preset)]
    if isinstance(preset.dataset, OwnDataset):
        found += _own(preset.dataset)
    if preset.dataset.found if isinstance(preset.dataset, OwnDataset) else preset.dataset in datasets.DATASETS:
        known = datasets.get(preset.dataset)
        found += [*_training(preset, known), *_pruning(preset, known), *_quantization(preset, known)]
    return found


def _names(preset: Settings) -> Iterator[str]:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", preset.name):
        yield f"{preset.name!r} cannot name a run's folder: use letters, digits and . _ + -"
    if isinstance(preset.dataset, str):
        yield from _unknown("data set", [preset.dataset], datasets.DATASETS)
    own = (*preset.training.learning_rates, *preset.pruning.rates)
    known = [*architectures.ARCHITECTURES, *preset.networks]
    yield from _unknown("architecture", [*preset.architectures, *preset.extra_architectures, *own], known)
    yield from networks(preset)
    yield from _unknown("precision", preset.precisions, PRECISIONS)
    yield from _unknown("bench.protocol", [preset.bench.protocol], PROTOCOLS)


def networks(preset: Settings) -> Iterator[str]:
    """What is wrong with the names of networks and precisions, which become folders, and with the user's own networks."""
    names = {"architecture": (*preset.architectures, *preset.extra_architectures), "precision": preset.precisions}
    for kind, own in names.items():
        yield from (f"{kind} {name!r} can't name a folder" for name in own if not _NAME.fullmatch(name))
    for name, network in preset.networks.items():
        yield from _network(name, network)


def _network(name: str, network: Network) -> Iterator[str]:
    key = f"architectures.{name}"
    if not _NAME.fullmatch(name) or name in architectures.ARCHITECTURES:
        yield f"{key} can't be the name of a network of your own: use letters, digits, _ and -, and none of the kit's names"
    if sum(map(bool, (network.build, network.model, network.application))) != 1:
        yield f"{key} needs one of build, model and application"
    if network.build and not re.fullmatch(r"([^:\0]*/)?[A-Za-z_][\w.]*:[A-Za-z_]\w*", network.build):
        yield f"{key}.build is {network.build!r}: write it as my_net:build, a module and a function of letters, digits and _"
    if network.model and (network.weights or Path(network.model).suffix not in (".keras", ".h5")):
        yield f"{key}.model is {network.model!r}: it must be a .keras or .h5 file, and brings its weights"
    if network.application and not re.fullmatch(r"[A-Z]\w*", network.application):
        yield f"{key}.application is {network.application!r}: name one of keras.applications, such as ResNet50"
    if not 0 < network.width <= 4 or (network.width != 1 and not network.application):
        yield f"{key}.width is {network.width:g}: it must be above 0 and at most 4, and of an application"


def _own(source: OwnDataset) -> Iterator[str]:
    if bool(source.folder) == bool(source.arrays) or "\0" in source.source:
        yield "[dataset] needs either folder or arrays, and a path"
    if not _SMALLEST <= source.image_size <= _LARGEST:
        yield _between("dataset.image_size", source.image_size, _SMALLEST, _LARGEST)
    if not 0 < source.test_share < 1:
        yield f"dataset.test_share is {source.test_share}: it must be between 0 and 1, such as 0.2"
    if not 0 <= source.split_seed < 10**9:
        yield _between("dataset.split_seed", source.split_seed, 0, 10**9 - 1)


def _unknown(kind: str, names: list[str] | tuple[str, ...], known: object) -> Iterator[str]:
    each = list(known)  # type: ignore[call-overload]
    yield from (str(unknown(kind, name, each)) for name in dict.fromkeys(names) if name not in each)


def _grid(preset: Settings) -> Iterator[str]:
    for grid in ("architectures", "sparsities", "precisions", "seeds"):
        values = getattr(preset, grid)
        if not values or len(set(values)) != len(values):
            yield f"{grid} is empty or names one twice: name each once"
    if not all(0 <= seed < 10**9 for seed in preset.seeds):
        yield f"seeds are {list(preset.seeds)}: give whole numbers from 0 to 999999999"
    if not 1 <= preset.threads <= _THREADS:
        yield _between("threads", preset.threads, 1, _THREADS)
    for sparsity in preset.sparsities:
        if not 0 <= sparsity < 100:
            yield f"sparsity {sparsity} is not between 0 and 99: sparsities are in percent"
        elif sparsity and str(sparsity) not in preset.pruning.schedules:
            yield f"sparsity {sparsity} has no schedule: add [pruning.schedules] {sparsity} = ..."


def _training(preset: Settings, known: Dataset) -> Iterator[str]:
    training = preset.training
    if not 0 <= training.validation_images < known.train_images:
        wrong = f"training.validation_images is {training.validation_images}"
        yield f"{wrong}: it must leave images to train on, {known.label} has {known.train_images:,}"
    yield from _at_least_1("training.epochs", training.epochs)
    yield from _at_least_1("training.patience_epochs", training.patience_epochs)
    yield from _batch("training.batch_size", training.batch_size, _images(preset, known))
    yield from _rate("training.learning_rate", training.learning_rate)
    for name, rate in training.learning_rates.items():
        yield from _rate(f"training.learning_rates.{name}", rate)
    yield from _momentum("training.momentum", training.momentum)
    if training.batch_norm_momentum is not None:
        yield from _momentum("training.batch_norm_momentum", training.batch_norm_momentum)


def _pruning(preset: Settings, known: Dataset) -> Iterator[str]:
    pruning, images = preset.pruning, _images(preset, known)
    yield from _batch("pruning.batch_size", pruning.batch_size, images)
    yield from _rate("pruning.learning_rate", pruning.learning_rate)
    yield from _rate("pruning.final_learning_rate", pruning.final_learning_rate, may_be_0=True)
    yield from _momentum("pruning.momentum", pruning.momentum)
    for name, rates in pruning.rates.items():
        yield from _rate(f"pruning.rates.{name}.learning_rate", rates.learning_rate)
        yield from _rate(f"pruning.rates.{name}.final_learning_rate", rates.final_learning_rate, may_be_0=True)
    for sparsity, schedule in pruning.schedules.items():
        key = f"pruning.schedules.{sparsity}"
        if not re.fullmatch(r"[1-9]\d?", sparsity):
            yield f"{key} is no sparsity: name it by whole percent from 1 to 99"
        yield from _at_least_1(f"{key}.epochs", schedule.epochs)
        if pruning.batch_size >= 1 and schedule.epochs >= 1:
            yield from _updates(key, schedule, schedule.epochs * math.ceil(images / pruning.batch_size))


def _updates(key: str, schedule: Schedule, batches: int) -> Iterator[str]:
    """Mask updates are spread evenly, and the first one prunes nothing."""
    steps = schedule.steps
    if steps < 2:
        yield f"{key}.steps is {steps}: the first mask update prunes nothing, it must be at least 2"
    elif fitting(steps, batches) < steps:
        most = max(n for n in range(1, min(steps, batches) + 1) if fitting(n, batches) == n)
        room = f"{batches} {'batch' if batches == 1 else 'batches'}"
        yield f"{key}.steps is {steps}: not all of its mask updates fit into {room}, at most {most} do"


def fitting(steps: int, batches: int) -> int:
    """How many of `steps` mask updates, a whole number of batches apart, come within `batches`."""
    return math.ceil(batches / math.ceil(batches / steps))


def _quantization(preset: Settings, known: Dataset) -> Iterator[str]:
    count, images = preset.quantization.calibration_images, _images(preset, known)
    yield from _at_least_1("quantization.calibration_images", count)
    if count > images:
        yield f"quantization.calibration_images is {count}: it must be at most {images:,}, the images to train on"


def _audit(preset: Settings) -> Iterator[str]:
    if preset.audit is not None:
        for count in (*preset.audit.worst_layers, preset.audit.sections):
            yield from _at_least_1("a number in [audit]", count)


def _images(preset: Settings, known: Dataset) -> int:
    """How many images are left to train on."""
    return max(1, known.train_images - max(0, preset.training.validation_images))


def _at_least_1(key: str, count: int) -> Iterator[str]:
    if count < 1:
        yield f"{key} is {count}: it must be at least 1"


def _batch(key: str, size: int, images: int) -> Iterator[str]:
    yield from _at_least_1(key, size)
    if size > images:
        yield f"{key} is {size}: it must be at most {images:,}, the images to train on"


def _rate(key: str, rate: float, may_be_0: bool = False) -> Iterator[str]:
    if not (math.isfinite(rate) and (rate > 0 or (may_be_0 and rate == 0))):
        yield f"{key} is {rate}: it must be {'at least' if may_be_0 else 'above'} 0"


def _momentum(key: str, value: float) -> Iterator[str]:
    if not 0 <= value < 1:
        yield f"{key} is {value}: it must be from 0 to below 1"


def _between(key: str, value: float, low: float, high: float) -> str:
    return f"{key} is {value}: it must be from {low} to {high}"


def refuse(preset: Settings, source: str) -> None:
    """Raise KitError with all objections at once."""
    if found := objections(preset):
        raise KitError(f"preset {source}: {'; '.join(found)}")


def refuse_own(source: OwnDataset) -> None:
    """Raise KitError if a data set of the user's own can't be as it is described."""
    if found := list(_own(source)):
        raise KitError("; ".join(found))


def refuse_network(name: str, network: Network) -> None:
    """The same for a network."""
    if found := list(_network(name, network)):
        raise KitError("; ".join(found))
