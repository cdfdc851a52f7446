"""Parity: predictions of the model on the device where it was measured, against its predictions here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from kit import store
from kit.bench.measure import BenchSeries
from kit.bench.transport import ReadyDevice
from kit.bench.values import Parity
from kit.console import counted
from kit.datasets import prepare
from kit.errors import KitError
from kit.runs import predictions
from kit.runs.artifacts import PREDICTIONS
from kit.runs.run import Run
from kit.study.grid import Cell


class Images(Struct, frozen=True):
    """Test images as a file, by its SHA-256, with their true classes. The first ones in canonical order: a fair sample."""

    path: Path
    digest: str
    labels: tuple[int, ...]
    classes: tuple[str, ...]


class ParityError(KitError):
    """One cell's predictions cannot be compared. What was measured of it stands."""


_WAY_OUT = "its times are recorded; --parity 0 compares none"


class _Predicted(Struct, frozen=True):
    first: tuple[tuple[int, ...], ...]


def images(run: Run, data: Path, count: int, folder: Path) -> Images:
    """Write the first `count` test images (all, if there are fewer) as a .npy file. Raises KitError if the data set is
    missing."""
    test = prepare.load(data, run.preset.dataset).test[:count]
    path = folder / "images.npy"
    store.write_array(path, test.images)
    return Images(path, store.sha256(path), tuple(test.labels.tolist()), run.preset.data.classes)


def predicted(run: Run, cell: Cell, count: int) -> list[list[int]] | None:
    """The classes that are or share the first place here, for the first `count` test images; None without an evaluation.

    Raises ParityError if what is kept of it is damaged.
    """
    path = predictions.place(run.path(cell, PREDICTIONS))
    if not path.is_file():
        return None
    try:
        first = predictions.firsts(predictions.of_test_images(path), count)
    except KitError as error:
        raise ParityError(error.wrong, error.remedy) from error
    if len(first) != count:
        raise ParityError(f"{path} is of {len(first)} of {count} images", f"`{run.command}` makes it again")
    return first


def there(
    bench: ReadyDevice, series: BenchSeries, digest: str, run: Run, cell: Cell, chosen: Images
) -> tuple[tuple[int, ...], ...]:
    """The classes that the model with this SHA-256, of a run's cell, puts first for each image there: several if they tie.

    Raises ParityError if it gives none.
    """
    known = run.preset.architecture(cell.architecture)
    answer = bench.monitor.ask(
        ["predict", bench.files[digest], bench.files[chosen.digest], *series.engine(),
         f"--scale={known.input_scale!r}", f"--offset={known.input_offset!r}", f"--output={bench.output}"]
    )  # fmt: skip
    if answer.code:
        reason = answer.reason(bench.files[digest], cell.name)
        raise ParityError(f"{cell.name}: no predictions there ({reason})", _WAY_OUT)
    try:
        first = msgspec.json.decode(answer.out, type=_Predicted).first
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ParityError(f"{cell.name}: the predictions there cannot be read ({error})", _WAY_OUT) from error
    if len(first) != len(chosen.labels) or not all(first):
        wrong = f"{cell.name}: {counted(len(first), 'prediction', 'predictions')} there of {len(chosen.labels)} images"
        raise ParityError(wrong, _WAY_OUT)
    return first


def compare(found: Sequence[Sequence[int]], here: Sequence[Sequence[int]], chosen: Images) -> Parity:
    """The classes that are first there against those that are first here, and the true ones.

    `differing` lists the images for which no class is first in both: a tie broken the other way is no difference.
    """
    differing = tuple(i for i, (a, b) in enumerate(zip(here, found, strict=True)) if set(a).isdisjoint(b))
    return Parity(
        n=len(found),
        top1=_fair(found, chosen.labels),
        top1_here=_fair(here, chosen.labels),
        differing=differing,
        by_class=dict(Counter(chosen.classes[chosen.labels[index]] for index in differing)),
    )


def _fair(firsts: Sequence[Sequence[int]], labels: Sequence[int]) -> float:
    """Top-1 with ties shared evenly."""
    return sum((label in first) / len(first) for first, label in zip(firsts, labels, strict=True)) / len(labels)
