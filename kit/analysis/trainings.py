"""Figures over trainings that differ in nothing but the seed: each one's value, their mean, and Student's intervals."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

import msgspec
from msgspec import Struct
from scipy import stats

from kit.analysis.digits import estimated
from kit.analysis.schema import Row
from kit.analysis.verdicts import CONFIDENCE
from kit.study.grid import Point, named
from kit.study.preset import Preset

METRICS = ("top1", "top3", "loss", "train_top1", "size_bytes", "gzip_bytes", "latency_us", "memory_bytes")
ENDLESS = (-math.inf, math.inf)
PROPORTION = (0.0, 1.0)  # where an accuracy ends, which Student's intervals don't know
_PROPORTIONS = ("top1", "top3", "train_top1")
_MEASURED = ("latency_us", "memory_bytes")  # of these, only what was measured in the same way is averaged
_Kind = TypeVar("_Kind")


class OverSeeds(Struct, frozen=True):
    """One metric of one cell over n trainings; `cell` is named without a seed.

    `values` has one value a training, in the order of `seeds` and of `runs`, in the metric's own unit (a column of `Row`).
    `deviation` is that of a sample (n - 1), `low` to `high` the 95 % interval of the mean by Student's t, and of an accuracy
    within 0 and 1. One training has none of the three.
    """

    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    cell: str
    metric: str
    n: int
    values: tuple[float, ...]
    mean: float
    deviation: float | None
    low: float | None
    high: float | None

    @property
    def point(self) -> Point:
        return named(self.cell).point


def alike(runs: Sequence[_Kind], preset_of: Callable[[_Kind], Preset]) -> list[list[_Kind]]:
    """The runs, each of one seed, in groups that differ in nothing but seed and patience: with more of that a training only
    continues."""
    groups: dict[Hashable, list[_Kind]] = {}
    for run in runs:
        groups.setdefault(_but_for_the_seed(preset_of(run)), []).append(run)
    return list(groups.values())


def _but_for_the_seed(preset: Preset) -> bytes:
    """What two runs must share to differ only in seed and patience. A preset's name and grid decide no number."""
    training = msgspec.structs.replace(preset.training, patience_epochs=0)
    same = msgspec.structs.replace(preset, seeds=(), name="", architectures=(), extra_architectures=(), precisions=())
    return msgspec.json.encode(msgspec.structs.replace(same, sparsities=(), training=training))


def over_seeds(runs: Sequence[Sequence[Row]], metrics: Sequence[str] = METRICS) -> Iterator[OverSeeds]:
    """The metrics of each cell over the runs of one group, each given by its rows. Values that are missing count nothing."""
    by_point: dict[str, list[Row]] = {}
    for row in chain.from_iterable(runs):
        by_point.setdefault(named(row.cell).point.name, []).append(row)
    for point, rows in by_point.items():
        for metric in metrics:
            chosen = _measured_alike(rows) if metric in _MEASURED else rows
            chosen = [row for row in chosen if getattr(row, metric) is not None]
            if chosen:
                yield _over(point, metric, chosen)


def _over(point: str, metric: str, rows: Sequence[Row]) -> OverSeeds:
    values = tuple(float(getattr(row, metric)) for row in rows)
    ends = mean_interval(values, PROPORTION if metric in _PROPORTIONS else ENDLESS) or (None, None)
    return OverSeeds(
        runs=tuple(row.run for row in rows),
        seeds=tuple(row.seed for row in rows),
        cell=point,
        metric=metric,
        n=len(values),
        values=values,
        mean=statistics.fmean(values),
        deviation=statistics.stdev(values) if len(values) > 1 else None,
        low=ends[0],
        high=ends[1],
    )


def mean_interval(values: Sequence[float], limits: tuple[float, float] = ENDLESS) -> tuple[float, float] | None:
    """Student's 95 % interval of the mean of n values, as far as it lies within the limits; None for fewer than two."""
    return _interval(values, 1 / len(values) if values else 0.0, limits)


def next_interval(values: Sequence[float], limits: tuple[float, float] = ENDLESS) -> tuple[float, float] | None:
    """The interval in which one more value of the same kind is expected: Student's prediction interval
    (G. J. Hahn, Journal of Quality Technology 1, 1969), as far as it lies within the limits; None for fewer than two."""
    return _interval(values, 1 + 1 / len(values) if values else 0.0, limits)


def _interval(values: Sequence[float], factor: float, limits: tuple[float, float]) -> tuple[float, float] | None:
    n = len(values)
    if n < 2:
        return None
    half = stats.t.isf((1 - CONFIDENCE) / 2, n - 1) * statistics.stdev(values) * math.sqrt(factor)
    middle = statistics.fmean(values)
    return estimated(max(limits[0], middle - half)), estimated(min(limits[1], middle + half))


def _measured_alike(rows: Sequence[Row]) -> list[Row]:
    """Those rows whose times were measured as the first's were, and validly."""
    valid = [row for row in rows if row.validity not in (None, "invalid")]
    return [row for row in valid if _measured_how(row) == _measured_how(valid[0])]


def _measured_how(row: Row) -> tuple[str | int | None, ...]:
    return row.origin, row.device, row.interpreter, row.delegate, row.threads, row.protocol
