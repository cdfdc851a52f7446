"""What a report is made of: a run's records, read once, with the file and the hash of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

from msgspec import Struct

from kit import store
from kit.analysis.descriptive import wilson
from kit.analysis.merging import merged
from kit.analysis.results import Result, in_one_series, results
from kit.analysis.summary import OneRun, Trainings
from kit.analysis.tradeoffs import Tradeoff
from kit.analysis.trainings import PROPORTION, mean_interval
from kit.analysis.verdicts import Message, Verdict
from kit.errors import KitError
from kit.runs.record import Record, read_as
from kit.runs.run import Run
from kit.study.grid import Point, shortest

T = TypeVar("T")


class Source(Struct, frozen=True):
    """A record, and the file that it is in: `path` in the run, `sha256` of its bytes."""

    path: str
    sha256: str
    record: Record

    def values(self, kind: type[T]) -> T:
        """The record's values as the struct of its stage. Raises KitError if they don't fit."""
        return read_as(kind, self.record.values, self.record)


class Spread(Struct, frozen=True):
    """One figure of a network: its `values`, one a training in the order of `seeds`, and their mean.

    `low` to `high` is the 95 % interval: Student's over trainings or, of a single one, Wilson's over its test images.
    """

    seeds: tuple[int, ...]
    values: tuple[float, ...]
    mean: float
    low: float
    high: float


class Material(Struct, frozen=True):
    """All that one run gives to a report.

    `results` has one row a point of the grid, over all trainings; `each` has one row a cell, and so a training.
    `concluded` is what follows from each training alone, in the order of the run's seeds, `verdicts` from all of them.
    `tradeoffs` are over all of them too. `stale` has what is left out and why; see `Result.stale`.
    """

    run: Run
    results: list[Result]
    each: list[Result]
    sources: list[Source]
    concluded: tuple[OneRun, ...]
    verdicts: tuple[Verdict, ...]
    tradeoffs: tuple[Tradeoff, ...]
    stale: dict[str, str]

    def of(self, *stages: str) -> list[Source]:
        """The records of these stages that belong to the run, in the order of the preset's cells."""
        order = {name: index for index, name in enumerate(self._names())}
        chosen = [source for source in self.sources if source.record.stage in stages and source.record.cell in order]
        chosen = [source for source in chosen if f"{source.record.stage} {source.record.cell}" not in self.stale]
        return sorted(chosen, key=lambda source: (order[source.record.cell], source.path))

    def _names(self) -> list[str]:
        """Variants and cells of the preset."""
        cells = self.run.preset.cells()
        return list(dict.fromkeys([name for cell in cells for name in (cell.variant.name, cell.name)]))

    def trainings(self, point: Point) -> list[Result]:
        """The rows of a point, one a training."""
        return [r for r in self.each if r.point == point]

    def top1(self, point: Point) -> Spread | None:
        """Top-1 of a point over its trainings, ties shared evenly; None where no training has it."""
        found = [(r.cell.seed, r.test.top1, r.test.n) for r in self.trainings(point) if r.test]
        if not found:
            return None
        seeds, values, images = zip(*found, strict=True)
        mean = sum(values) / len(values)
        ends = mean_interval(values, PROPORTION) or wilson(round(mean * images[0]), images[0])
        return Spread(seeds, values, mean, *ends)

    def class_changes(self, point: Point, base: Point) -> list[list[float]]:
        """What each class's top-1 changed by from `base` to `point`, one row a training that has both."""
        before = {r.cell.seed: r.test.by_class for r in self.trainings(base) if r.test}
        return [
            [after - first for after, first in zip(r.test.by_class, before[r.cell.seed], strict=True)]
            for r in self.trainings(point)
            if r.test and r.cell.seed in before
        ]

    @property
    def missing(self) -> list[str]:
        """The names of the cells that lack a figure."""
        return [r.cell.name for r in self.each if _lacks(r)]

    @property
    def gaps(self) -> list[Message]:
        """What the run lacks, each cell only the first of model, accuracies, a latency, one in the series of the others."""
        grid = [r.cell for r in self.each]

        def cells(of: str) -> dict[str, object]:
            return {"cells": shortest([r.cell for r in self.each if _lacks(r) == of], grid)}

        every = (
            Message("No model yet: {cells}.", cells("model")),
            Message("A model, but no accuracies yet: {cells}.", cells("accuracies")),
            Message("Accuracies, but no latency yet: {cells}.", cells("latency")),
            Message("Latency only in another series than the others, so not shown beside them: {cells}.", cells("series")),
        )
        return [message for message in every if message.values["cells"]]


def _lacks(r: Result) -> str | None:
    found = {"model": r.weights and r.size_bytes, "accuracies": r.test, "latency": r.benches, "series": r.bench}
    return next((name for name, value in found.items() if not value), None)


def gather(run: Run, *concluded: OneRun, group: Trainings | None = None, found: Iterable[Result] | None = None) -> Material:
    """Read all records of `run`; `concluded` is what follows from each of its trainings, `group` from all of them, and
    `found` are the run's results, if they are known already."""
    order = {cell: index for index, cell in enumerate(run.preset.cells())}
    each = in_one_series(sorted(results(run) if found is None else found, key=lambda r: order[r.cell]))
    stale = {name: why for result in each for name, why in result.stale.items()}
    over = group or concluded[0]
    return Material(run, merged(each), each, list(_sources(run)), concluded, over.verdicts, over.tradeoffs, stale)


def _sources(run: Run) -> Iterator[Source]:
    """The records that can be read; `Result.stale` says which cannot."""
    for path in run.record_paths():
        with suppress(KitError):
            record = run.read(path)
            yield Source(run.relative(path), store.sha256(path), record)
