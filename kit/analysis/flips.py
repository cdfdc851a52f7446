"""What each file gets wrong, and which test images int8 answers otherwise than float32."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from msgspec import Struct

from kit import store
from kit.analysis.material import Material
from kit.runs.artifacts import PREDICTIONS
from kit.runs.predictions import answers, of_test_images, place
from kit.stages.values import EvaluateValues
from kit.study.grid import Cell, Point, named

Array = np.ndarray[Any, Any]
_MOST = 12  # images that are named for each point


class Flip(Struct, frozen=True):
    """A test image (its place in the data set), its class, and in how many trainings int8 answers otherwise."""

    image: int
    label: int
    trainings: int


class Flips(Struct, frozen=True):
    """int8 against float32 of the same weights, on all `images`: means over `trainings` of how many are answered otherwise,
    of those that were right and are `lost`, and that were wrong and are `gained`. `most` flip in the most trainings, and
    among equals at the most points of the grid."""

    trainings: int
    images: int
    flipped: float
    lost: float
    gained: float
    most: tuple[Flip, ...]


def confusions(material: Material) -> dict[Point, list[list[float]]]:
    """The confusion matrix of each point: rows are true classes, columns answers; means over trainings of images."""
    found: dict[Point, list[Array]] = {}
    known = {r.records.predictions for r in material.each if r.test}
    for source in material.sources:
        if source.path in known:
            counted = np.array(source.values(EvaluateValues).test.matrix(), float)
            found.setdefault(named(source.record.cell).point, []).append(counted)
    return {r.point: np.mean(found[r.point], axis=0).tolist() for r in material.results if r.point in found}


def flips(material: Material) -> dict[Point, Flips]:
    """Of each int8 point whose predictions are there, and those of the float32 file too."""
    found: dict[Point, list[tuple[Array, Array, Array]]] = {}
    for cell, base in _pairs(material):
        first, second = (of_test_images(material.run.path(one, PREDICTIONS)) for one in (base, cell))
        found.setdefault(cell.point, []).append((answers(first), answers(second), first.label))
    counts = {point: np.sum([before != after for before, after, _ in own], axis=0) for point, own in found.items()}
    everywhere = np.sum(list(counts.values()), axis=0)
    return {point: _flips(own, counts[point], everywhere) for point, own in found.items()}


def _pairs(material: Material) -> Iterator[tuple[Cell, Cell]]:
    tested = {r.cell for r in material.each if r.test and store.is_there(place(material.run.path(r.cell, PREDICTIONS)))}
    for r in material.each:
        base = Cell(r.cell.architecture, r.cell.seed, r.cell.sparsity, "float32")
        if r.cell.precision == "int8" and {r.cell, base} <= tested:
            yield r.cell, base


def _flips(each: list[tuple[Array, Array, Array]], count: Array, everywhere: Array) -> Flips:
    label = each[0][2]
    order = np.lexsort((np.arange(len(count)), -everywhere, -count))[:_MOST]
    lost = [int(((before == label) & (after != label)).sum()) for before, after, _ in each]
    gained = [int(((before != label) & (after == label)).sum()) for before, after, _ in each]
    return Flips(
        trainings=len(each),
        images=len(label),
        flipped=float(count.sum()) / len(each),
        lost=sum(lost) / len(each),
        gained=sum(gained) / len(each),
        most=tuple(Flip(int(image), int(label[image]), int(count[image])) for image in order if count[image]),
    )
