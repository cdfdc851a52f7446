"""What claims are decided on: a run's figures by cell, its predictions image by image, and its benches of one series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from kit.errors import KitError
from kit.records import store
from kit.records.run import Run
from kit.report import inference
from kit.report.inference import Array
from kit.report.results import Latency, Result, Series, results, usable_series
from kit.report.verdict import Message
from kit.study.architectures import architecture
from kit.study.cells import Cell
from kit.study.datasets import dataset
from kit.study.published import published

STUDIED_DATASET = "cifar10"
V3 = ("mobilenet_v3_large", "mobilenet_v3_small")
_PREDICTIONS = "predictions.safetensors"


class Ground:
    """One run, as deciders see it. Predictions are read when they are first asked for, and kept."""

    def __init__(self, run: Run, found: list[Result] | None = None, series: Series | None = None) -> None:
        self.run = run
        self.results = {result.cell: result for result in found or results(run)}
        self._usable = usable_series(list(self.results.values()))
        self.series = series or (self._usable[0] if self._usable else None)
        self.correct = cache(self._correct)
        self.resampled = cache(self._resampled)

    @property
    def is_studied_dataset(self) -> bool:
        return self.run.preset.dataset == STUDIED_DATASET

    @property
    def dataset_label(self) -> str:
        return dataset(self.run.preset.dataset).label

    @cached_property
    def sparsities(self) -> tuple[int, ...]:
        """Nominal sparsities above 0, rising, in percent."""
        return tuple(sorted(s for s in self.run.preset.sparsities if s))

    def evaluated(self, cells: Iterable[Cell]) -> bool:
        return all(cell in self.results and self.results[cell].test for cell in cells)

    def predicted(self, cells: Iterable[Cell]) -> bool:
        """Whether the predictions image by image are there too: a run may travel without them."""
        return all(self.evaluated([cell]) and store.is_there(self.run.path(cell, _PREDICTIONS)) for cell in cells)

    def converted(self, cells: Iterable[Cell]) -> bool:
        return all(cell in self.results and self.results[cell].size_bytes is not None for cell in cells)

    def benched(self, cells: Iterable[Cell]) -> bool:
        return all(self.latency(cell) for cell in cells)

    def latency(self, cell: Cell) -> Latency | None:
        """The cell's bench of the series that all cells are compared in."""
        result = self.results.get(cell)
        return result.latency_in(self.series) if result and self.series else None

    def measured_otherwise(self) -> Iterator[Ground]:
        """The same run by its other benches on the same machine: with another interpreter, number of threads or protocol."""
        for series in self._usable:
            if (
                self.series
                and series != self.series
                and (series.origin, series.where) == (self.series.origin, self.series.where)
            ):
                yield Ground(self.run, list(self.results.values()), series)

    def labels(self, cell: Cell) -> Array:
        """The true class of each test image, uint8 (n,)."""
        return self.correct(cell)[1]

    def right(self, cell: Cell) -> Array:
        """Whether each test image's most probable class is the true one, bool (n,)."""
        return self.correct(cell)[0]

    def change(self, cell: Cell, base: Cell) -> Array:
        """For each test image 1 where only `cell` is right, -1 where only `base` is, else 0: int8 (n,)."""
        return self.right(cell).astype(np.int8) - self.right(base).astype(np.int8)

    def _correct(self, cell: Cell) -> tuple[Array, Array]:
        path = self.run.path(cell, _PREDICTIONS)
        content = store.read(path)
        try:
            tensors = load(content or b"")
            label, top3 = tensors["test/label"], tensors["test/top3"]
        except (KeyError, SafetensorError) as error:
            wrong = "is missing" if content is None else f"cannot be read ({error})"
            raise KitError(f"{path} {wrong}", "`kit reproduce` with its preset makes it again") from error
        return top3[:, 0] == label, label

    def times(self, cell: Cell) -> tuple[float, Array]:
        """Latency in microseconds and its bootstrap draws; see `inference.resampled`."""
        return self.resampled(cell, "latency")

    def memory(self, cell: Cell) -> tuple[float, Array]:
        """Growth of the peak RSS in bytes and its bootstrap draws."""
        return self.resampled(cell, "memory")

    def _resampled(self, cell: Cell, what: str) -> tuple[float, Array]:
        bench = self.latency(cell)
        assert bench is not None, f"{cell.name} has no bench"
        values = bench.processes_us if what == "latency" else tuple((float(growth),) for growth in bench.growths_bytes)
        return inference.centre(values), inference.resampled(values, f"{what} {cell.name}")

    def inferences(self, *cells: Cell) -> int:
        """How many latencies of these cells there are in all."""
        return sum(bench.spread.n for bench in map(self.latency, cells) if bench)

    def evaluations(self, *cells: Cell) -> tuple[str, ...]:
        """Paths in the run of these cells' evaluations."""
        return tuple(self.run.relative(self.run.record_path("evaluate", cell)) for cell in cells)

    def conversions(self, *cells: Cell) -> tuple[str, ...]:
        return tuple(self.run.relative(self.run.record_path("convert", cell)) for cell in cells)

    def benches(self, *cells: Cell) -> tuple[str, ...]:
        return tuple(bench.record for bench in map(self.latency, cells) if bench)


def studied() -> tuple[str, ...]:
    """The study's five architectures."""
    return published().architectures


def name(architecture_name: str) -> str:
    return architecture(architecture_name).label


def trained(architecture_name: str) -> Cell:
    """The unpruned float32 cell."""
    return Cell(architecture_name, 0, "float32")


def quantized(architecture_name: str) -> Cell:
    """The unpruned int8 cell."""
    return Cell(architecture_name, 0, "int8")


def pair(first: Cell, second: Cell) -> str:
    return f"{first.name} : {second.name}"


def versus(first: str, second: str) -> Message:
    """How a comparison of two architectures is called."""
    return Message("{first} against {second}", {"first": name(first), "second": name(second)})


def names(architectures: Iterable[str]) -> list[str]:
    return [name(one) for one in architectures]


def spread_of(values: Iterable[float]) -> dict[str, Any]:
    """The fields `low` and `high` of a message, from the smallest and the largest value."""
    found = list(values)
    return {"low": min(found), "high": max(found)}


POINTS = Message("change of top-1, percentage points")
