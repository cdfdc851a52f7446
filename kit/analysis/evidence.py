"""What claims are decided on: a run's figures by cell, its predictions for each image, and its benches of one series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from kit import store
from kit.analysis import statistics
from kit.analysis.measurement import Array, BenchResult, Series
from kit.analysis.naming import trained
from kit.analysis.results import Result, made_by, results, usable_series
from kit.analysis.statistics import Estimate
from kit.errors import KitError
from kit.runs import predictions
from kit.runs.artifacts import MODEL, PREDICTIONS, WEIGHTS
from kit.runs.predictions import Predictions
from kit.runs.run import Run
from kit.study import datasets
from kit.study.grid import Cell, Point

STUDIED_DATASET = "cifar10"
V3 = ("mobilenet_v3_large", "mobilenet_v3_small")


class RunEvidence:
    """One run, as deciders see it. Predictions are read on first use, and kept."""

    def __init__(self, run: Run, found: list[Result] | None = None, series: Series | None = None) -> None:
        self.run = run
        self.results = {result.cell.point: result for result in found or results(run)}
        self._usable = usable_series(list(self.results.values()))
        self.series = series or (self._usable[0] if self._usable else None)
        self.kept = cache(self._kept)
        self.right = cache(self._right)
        self.chance = cache(self._chance)

    @property
    def each(self) -> tuple[RunEvidence, ...]:
        """The evidence of each training."""
        return (self,)

    @property
    def is_studied_dataset(self) -> bool:
        return self.run.preset.dataset == STUDIED_DATASET

    @property
    def dataset_label(self) -> str:
        return datasets.get(self.run.preset.dataset).label

    @cached_property
    def sparsities(self) -> tuple[int, ...]:
        """Nominal sparsities above 0, rising, in percent."""
        return tuple(sorted(s for s in self.run.preset.sparsities if s))

    def cell(self, point: Point) -> Cell:
        """The cell of the run's seed; evidence is of one seed."""
        return point.of_seed(self.run.preset.seeds[0])

    def made(self, cells: Iterable[Point]) -> bool:
        return all(cell in self.results and self.results[cell].weights is not None for cell in cells)

    def evaluated(self, cells: Iterable[Point]) -> bool:
        return all(cell in self.results and self.results[cell].test for cell in cells)

    def predicted(self, cells: Iterable[Point]) -> bool:
        """Whether the predictions for each image are there too: a run may be shared without them."""
        return all(self.evaluated([cell]) and store.is_there(self._predictions(cell)) for cell in cells)

    def compared(self, cells: Iterable[Point]) -> bool:
        """Whether the accuracies of these cells can be compared with each other's."""
        return self.predicted(cells)

    def fitted(self, cells: Iterable[Point]) -> bool:
        """Whether there is an accuracy on the training images too."""
        return all(self.evaluated([cell]) and self.results[cell].train for cell in cells)

    def converted(self, cells: Iterable[Point]) -> bool:
        return all(cell in self.results and self.results[cell].size_bytes is not None for cell in cells)

    def benched(self, cells: Iterable[Point]) -> bool:
        return all(self.bench(cell) for cell in cells)

    def bench(self, cell: Point) -> BenchResult | None:
        """The cell's bench of the series that all cells are compared in."""
        result = self.results.get(cell)
        return result.bench_in(self.series) if result and self.series else None

    def measured_otherwise(self) -> Iterator[RunEvidence]:
        """The same run by its other benches on the same machine: with another interpreter, delegate,
        number of threads or protocol."""
        for series in self._usable:
            if (
                self.series
                and series != self.series
                and (series.origin, series.where, series.device)
                == (self.series.origin, self.series.where, self.series.device)
            ):
                yield self.with_series(series)

    def with_series(self, series: Series) -> RunEvidence:
        """The same run by its benches of another series."""
        return RunEvidence(self.run, list(self.results.values()), series)

    def labels(self, cell: Point) -> Array:
        """The true class of each test image, uint8 or uint16 (n,)."""
        return self.kept(cell).label

    def _right(self, cell: Point) -> Array:
        """Whether each test image's answer is the true class, bool (n,). The image's hash draws among classes that tie."""
        kept = self.kept(cell)
        return np.asarray(predictions.answers(kept) == kept.label)

    def _chance(self, cell: Point) -> Array:
        """The chance of each test image that its answer is the true class where ties are drawn evenly, float64 (n,)."""
        return predictions.fair(self.kept(cell))

    def shift(self, cell: Point, base: Point) -> Array:
        """For each test image how much more chance to be right `cell` has than `base`: -1 to 1, float64 (n,)."""
        return self.chance(cell) - self.chance(base)

    def change(self, cell: Point, base: Point, bound: float = 0.0) -> Estimate:
        """Top-1 of `cell` minus that of `base` over the same test images, tested at `bound`.

        The value has ties shared evenly; interval and p-values are from one answer an image, as the test needs it.
        """
        found = statistics.paired(self.right(base), self.right(cell), bound)
        value = float(self.shift(cell, base).mean())
        return replace(found, value=value, low=min(found.low, value), high=max(found.high, value))

    def loss_difference(self, first: Sequence[Point], second: Sequence[Point]) -> Estimate:
        """Mean loss of top-1 of the cells `first` to their trained network minus that of `second`, image by image."""
        losses = [-np.mean([self.shift(cell, trained(cell.architecture)) for cell in c], axis=0) for c in (first, second)]
        return statistics.mean(losses[0] - losses[1])

    def ties_known(self, cell: Point) -> bool:
        """Whether the run recorded which images of a cell are tied."""
        result = self.results.get(cell)
        return result is None or result.test is None or result.test.tied is not None

    def top1(self, cell: Point) -> float:
        """On the test images, ties shared evenly."""
        test = self.results[cell].test
        assert test is not None, f"{cell.name} is not evaluated"
        return test.top1

    def train_top1(self, cell: Point) -> float:
        """On the training images, ties shared evenly."""
        train = self.results[cell].train
        assert train is not None, f"{cell.name} is not evaluated"
        return train.top1

    def gap(self, cell: Point, bound: float) -> Estimate:
        """Top-1 on training images minus top-1 on test images, tested at `bound`."""
        result = self.results[cell]
        assert result.test and result.train, f"{cell.name} is not evaluated"
        right = [split.top1 * split.n for split in (result.train, result.test)]
        return statistics.independent((right[0], right[1]), (result.train.n, result.test.n), bound)

    def _kept(self, cell: Point) -> Predictions:
        path = self._predictions(cell)
        kept, result = predictions.of_test_images(path), self.results.get(cell)
        if result and result.test and len(kept.label) != result.test.n:
            wrong = f"{path} is of {len(kept.label):,} images, its record of {result.test.n:,}"
            raise KitError(wrong, "`kit reproduce` with its preset makes it again")
        return kept

    def _predictions(self, cell: Point) -> Path:
        return predictions.place(self.run.path(self.cell(cell), PREDICTIONS))

    def times(self, cell: Point) -> tuple[float, Array]:
        """Latency in microseconds and its bootstrap draws; see `Measurement.figure`."""
        return self._measured(cell).latency.figure

    def memory(self, cell: Point) -> tuple[float, Array]:
        """Growth of the peak RSS in bytes and its bootstrap draws."""
        return self._measured(cell).memory.figure

    def _measured(self, cell: Point) -> BenchResult:
        bench = self.bench(cell)
        assert bench is not None, f"{cell.name} has no bench"
        return bench

    def latency_ratio(self, first: Point, second: Point, bound: float = 1.0) -> Estimate:
        """Latency of `first` over that of `second`, tested at `bound`."""
        return statistics.ratio(self.times(first), self.times(second), self.inferences(first, second), bound)

    def gain_ratio(self, what: str, first: tuple[Point, Point], second: tuple[Point, Point], bound: float = 1.0) -> Estimate:
        """The ratio of `what` (latency or memory) of the pair `first` over that of the pair `second`, tested at `bound`."""
        of = self.times if what == "latency" else self.memory
        pairs = [(of(a), of(b)) for a, b in (first, second)]
        ratios = [(a[0] / b[0], a[1] / b[1]) for a, b in pairs]
        n = (self.inferences if what == "latency" else self.processes)(*first, *second)
        return statistics.ratio(ratios[0], ratios[1], n, bound)

    def memory_ratio(self, first: Point, second: Point, bound: float = 1.0) -> Estimate:
        """Memory of `first` over that of `second`, tested at `bound`."""
        return statistics.ratio(self.memory(first), self.memory(second), self.processes(first, second), bound)

    def inferences(self, *cells: Point) -> int:
        """How many latencies of these cells there are in all."""
        return sum(bench.latency.n for bench in map(self.bench, cells) if bench)

    def processes(self, *cells: Point) -> int:
        """How many processes measured the memory of these cells."""
        return sum(bench.memory.n for bench in map(self.bench, cells) if bench)

    def trainings(self, *cells: Point) -> tuple[str, ...]:
        """Paths in the run of the records of these cells' trainings."""
        return tuple(made_by(self.run, WEIGHTS, self.cell(cell).trained) for cell in cells)

    def evaluations(self, *cells: Point) -> tuple[str, ...]:
        """Paths in the run of these cells' evaluations."""
        return tuple(made_by(self.run, PREDICTIONS, self.cell(cell)) for cell in cells)

    def conversions(self, *cells: Point) -> tuple[str, ...]:
        return tuple(made_by(self.run, MODEL, self.cell(cell)) for cell in cells)

    def benches(self, *cells: Point) -> tuple[str, ...]:
        return tuple(bench.record for bench in map(self.bench, cells) if bench)
