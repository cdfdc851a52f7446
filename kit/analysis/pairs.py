"""Each published number with the own ones of all trainings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from kit.analysis.comparison import Comparison
from kit.analysis.counted import Quantity
from kit.analysis.digits import estimated
from kit.analysis.measurement import Series
from kit.analysis.summary import OneRun
from kit.analysis.trainings import ENDLESS, PROPORTION, mean_interval, next_interval
from kit.analysis.verdicts import Message
from kit.study.grid import Point, named

EXACT: tuple[Quantity, ...] = ("parameters", "nonzero", "achieved_sparsity", "file_mb", "gzip_mb")
_ACCURACIES: tuple[Quantity, ...] = ("top1", "top3", "train_top1")
_MEASURED: tuple[Quantity, ...] = ("memory_mib", "latency_us", "memory_ratio", "latency_ratio")


class Pair(Struct, frozen=True):
    """One published number and the own ones, a training each."""

    quantity: Quantity
    rows: Sequence[Comparison]

    @property
    def published(self) -> float:
        return self.rows[0].published

    @property
    def values(self) -> list[float]:
        return [row.own for row in self.rows if row.own is not None]

    @property
    def interval(self) -> tuple[float, float] | None:
        """Over trainings; of one training over its images or processes. None of an exact size."""
        if self.quantity in EXACT:
            return None
        if len(self.values) > 1:
            return mean_interval(self.values, PROPORTION if self.quantity in _ACCURACIES else ENDLESS)
        low, high = next(((row.low, row.high) for row in self.rows if row.own is not None), (None, None))
        return None if low is None or high is None else (low, high)

    @property
    def agrees(self) -> bool | None:
        """Whether the published number may be one of ours: an accuracy lies in the interval of one more training, anything
        else is within the tolerance in each training. None if the two don't compare."""
        found = [row.agrees for row in self.rows if row.own is not None]
        if not found or None in found:
            return None
        if self.quantity in _ACCURACIES and (expected := next_interval(self.values)):
            return expected[0] <= self.published <= expected[1]
        return all(found)

    @property
    def own(self) -> float | None:
        """The mean over trainings."""
        return sum(self.values) / len(self.values) if self.values else None

    def joined(self) -> Comparison:
        """One row over all trainings: n is their number, and an accuracy agrees if one more training may well have it."""
        if len(self.values) < 2:
            return self.rows[0]
        first, own = self.rows[0], sum(self.values) / len(self.values)
        low, high = self.interval or (None, None)
        expected = Message("in the 95 % interval expected of one more training")
        return replace(
            first,
            cell=named(first.cell).point.name,
            own=own,
            low=low,
            high=high,
            n=len(self.values),
            deviation=own - self.published,
            relative=estimated(own / self.published - 1) if self.published else None,
            agrees=self.agrees,
            p=None,
            test=expected if self.quantity in _ACCURACIES else first.test,
        )


def _commonest(trainings: Sequence[OneRun]) -> Series | None:
    counts: Counter[Series] = Counter()
    for one in trainings:
        if one.series:
            counts[one.series] += sum(row.own is not None for row in one.comparisons if row.quantity in _MEASURED)
    return max(counts, key=lambda series: counts[series], default=None)


def pairs(trainings: Sequence[OneRun]) -> dict[Point, dict[Quantity, Pair]]:
    """By point and quantity, of trainings of the same networks. Times and memory are of the series that has the most; where
    another one decides in a training, its own count nothing."""
    found: dict[Point, dict[Quantity, list[Comparison]]] = {}
    series = _commonest(trainings)
    for one in trainings:
        for row in one.comparisons:
            is_other = row.quantity in _MEASURED and one.series != series
            kept = replace(row, own=None, low=None, high=None, n=None) if is_other else row
            found.setdefault(named(row.cell).point, {}).setdefault(row.quantity, []).append(kept)
    return {point: {quantity: Pair(quantity, rows) for quantity, rows in own.items()} for point, own in found.items()}
