"""What compression costs and saves, network by network: the questions that a run answers whether or not there is a study."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from kit.analysis.digits import estimated, known
from kit.analysis.evidence import RunEvidence
from kit.analysis.several import SeveralTrainings
from kit.analysis.trainings import mean_interval
from kit.study import datasets
from kit.study.grid import Point

Step = Literal["int8", "pruning"]
Judgement = Literal["less", "more", "undecided", "unknown"]
TOLERATED = 0.01
"""A point of top-1: what a compression may cost and still count as cheap. A judgement, as that of the claims is."""

_CLASSES = 3


class ClassChange(Struct, frozen=True):
    """The change of one class's top-1, a mean over trainings."""

    label: str
    change: float


class Tradeoff(Struct, frozen=True):
    """A point of the grid against what it was made from: `base` in float32 (`int8`), or unpruned (`pruning`).

    `change` is top-1 of `point` minus that of `base`, `low` to `high` its 95 % interval: over the same test images of one
    training, by Tango's score method, or over `trainings`, by Student's t; both None where it cannot be told. Ratios are
    `base` over `point` for bytes, so that 4 means a quarter, and `point` over `base` for the latency, over all processes of
    one series. `classes` are the three that lost the most, the worst first.
    """

    step: Step
    point: Point
    base: Point
    trainings: int
    change: float
    low: float | None
    high: float | None
    smaller: float | None
    smaller_gzip: float | None
    latency_ratio: float | None
    classes: tuple[ClassChange, ...]

    @property
    def judgement(self) -> Judgement:
        """Whether it costs less than TOLERATED."""
        if self.low is None or self.high is None:
            return "unknown"
        return "less" if self.low > -TOLERATED else "more" if self.high < -TOLERATED else "undecided"


def tradeoffs(each: Sequence[RunEvidence]) -> Iterator[Tradeoff]:
    """Of trainings that differ in nothing but the seed, in the order of their grid."""
    first = each[0]
    whole = first if len(each) == 1 else SeveralTrainings(each)
    for point in dict.fromkeys(cell.point for cell in first.run.preset.cells()):
        if point.precision != "float32":
            yield from _of("int8", point, replace(point, precision="float32"), each, whole)
        if point.sparsity:
            yield from _of("pruning", point, replace(point, sparsity=0), each, whole)


def _of(step: Step, point: Point, base: Point, each: Sequence[RunEvidence], whole: RunEvidence) -> Iterator[Tradeoff]:
    own = [one for one in each if one.evaluated([point, base])]
    if not own:
        return
    changes = [one.top1(point) - one.top1(base) for one in own]
    low, high = _interval(point, base, own, changes)
    latency_ratio = whole.times(point)[0] / whole.times(base)[0] if whole.benched([point, base]) else None
    yield Tradeoff(
        step=step,
        point=point,
        base=base,
        trainings=len(own),
        change=estimated(statistics.fmean(changes)),
        low=low,
        high=high,
        smaller=_smaller(point, base, own, "size_bytes"),
        smaller_gzip=_smaller(point, base, own, "gzip_bytes"),
        latency_ratio=None if latency_ratio is None else estimated(latency_ratio),
        classes=_classes(point, base, own),
    )


def _interval(
    point: Point, base: Point, own: Sequence[RunEvidence], changes: Sequence[float]
) -> tuple[float | None, float | None]:
    if len(own) > 1:
        low, high = mean_interval(changes) or (None, None)  # rounded already
        return low, high
    if not own[0].predicted([point, base]):
        return None, None
    found = own[0].change(point, base)
    return found.low, found.high


def _smaller(point: Point, base: Point, own: Sequence[RunEvidence], what: str) -> float | None:
    pairs = [(getattr(one.results[base], what), getattr(one.results[point], what)) for one in own]
    ratios = [before / after for before, after in pairs if before and after]
    return known(statistics.fmean(ratios)) if ratios else None


def _classes(point: Point, base: Point, own: Sequence[RunEvidence]) -> tuple[ClassChange, ...]:
    """A class without test images has no change."""
    tests = [(one.results[base].test, one.results[point].test) for one in own]
    changes = [np.subtract(after.by_class, before.by_class) for before, after in tests if before and after]
    labels = datasets.get(own[0].run.preset.dataset).classes
    means = np.mean(changes, axis=0)
    found = [ClassChange(label, estimated(mean)) for label, mean in zip(labels, means, strict=True) if not np.isnan(mean)]
    return tuple(sorted(found, key=lambda one: one.change)[:_CLASSES])
