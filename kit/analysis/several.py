"""Several trainings of the same networks as evidence: means over the seeds, and every process that measured one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache

import numpy as np

from kit.analysis import statistics
from kit.analysis.evidence import RunEvidence
from kit.analysis.measurement import Array, BenchResult, Series
from kit.analysis.merging import merged
from kit.analysis.naming import trained
from kit.analysis.statistics import Estimate
from kit.study.grid import Point


class SeveralTrainings(RunEvidence):
    """Runs that differ in nothing but the seed, as deciders see them; `each` is one of them.

    An accuracy is the mean over those trainings that have the cell, and intervals and tests are over the test images, with
    each image's mean over the trainings. A file's size is the mean too. Latency and memory are over all processes that
    measured the cell, whatever the seed.
    """

    def __init__(self, each: Sequence[RunEvidence], series: Series | None = None) -> None:
        self._each = tuple(each)
        super().__init__(each[0].run, merged(r for one in each for r in one.results.values()), series)
        self.mean_chance = cache(self._mean_chance)

    @property
    def each(self) -> tuple[RunEvidence, ...]:
        return self._each

    def evaluated(self, cells: Iterable[Point]) -> bool:
        return self._have(cells, lambda one, own: one.evaluated(own))

    def predicted(self, cells: Iterable[Point]) -> bool:
        return self._have(cells, lambda one, own: one.predicted(own))

    def fitted(self, cells: Iterable[Point]) -> bool:
        return self._have(cells, lambda one, own: one.fitted(own))

    def _have(self, cells: Iterable[Point], has: Callable[[RunEvidence, Sequence[Point]], bool]) -> bool:
        """Whether each network has a training that has all of its cells."""
        return all(any(has(one, own) for one in self.each) for own in _by_network(cells))

    def with_series(self, series: Series) -> RunEvidence:
        return SeveralTrainings(self.each, series)

    def labels(self, cell: Point) -> Array:
        return next(one for one in self.each if one.predicted([cell])).labels(cell)

    def shift(self, cell: Point, base: Point) -> Array:
        """For each test image how much more chance to be right `cell` has than `base`, the mean over trainings."""
        if cell.architecture == base.architecture:
            return self.mean_chance(cell, (cell, base)) - self.mean_chance(base, (cell, base))
        return self.mean_chance(cell, (cell,)) - self.mean_chance(base, (base,))

    def change(self, cell: Point, base: Point, bound: float = 0.0) -> Estimate:
        return statistics.mean(self.shift(cell, base), bound)

    def loss_difference(self, first: Sequence[Point], second: Sequence[Point]) -> Estimate:
        losses = []
        for cells in (first, second):
            own = (trained(cells[0].architecture), *cells)
            losses.append(self.mean_chance(own[0], own) - np.mean([self.mean_chance(cell, own) for cell in cells], axis=0))
        return statistics.mean(losses[0] - losses[1])

    def ties_known(self, cell: Point) -> bool:
        return all(one.ties_known(cell) for one in self.each)

    def _mean_chance(self, cell: Point, needed: tuple[Point, ...]) -> Array:
        """The mean chance of each test image over the trainings that have all cells in `needed`."""
        found: Array = np.mean([one.chance(cell) for one in self.each if one.predicted(needed)], axis=0)
        return found

    def trainings(self, *cells: Point) -> tuple[str, ...]:
        return self._records(lambda one: one.trainings(*(cell for cell in cells if one.made([cell]))))

    def evaluations(self, *cells: Point) -> tuple[str, ...]:
        return self._records(lambda one: one.evaluations(*(cell for cell in cells if one.evaluated([cell]))))

    def conversions(self, *cells: Point) -> tuple[str, ...]:
        return self._records(lambda one: one.conversions(*(cell for cell in cells if one.converted([cell]))))

    def benches(self, *cells: Point) -> tuple[str, ...]:
        return self._records(lambda one: tuple(bench.record for cell in cells if (bench := self._bench_of(one, cell))))

    def _bench_of(self, one: RunEvidence, cell: Point) -> BenchResult | None:
        result = one.results.get(cell)
        return result.bench_in(self.series) if result and self.series else None

    def _records(self, of: Callable[[RunEvidence], tuple[str, ...]]) -> tuple[str, ...]:
        """Paths in the run; where runs were joined, those of others with the run's name before them."""
        first = self.each[0].run.folder
        return tuple(path if one.run.folder == first else f"{one.run.name}/{path}" for one in self.each for path in of(one))


def _by_network(cells: Iterable[Point]) -> list[list[Point]]:
    found: dict[str, list[Point]] = {}
    for cell in cells:
        found.setdefault(cell.architecture, []).append(cell)
    return list(found.values())
