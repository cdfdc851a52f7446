"""The study's own published numbers as evidence: values alone, without images, processes or any spread.

They go through the same deciders as a run's records. So a published value stands beside an own one by the same formula, and
a rule that the study's own numbers do not pass is seen to be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean

import numpy as np

from kit.analysis import statistics
from kit.analysis.descriptive import Accuracy
from kit.analysis.evidence import RunEvidence
from kit.analysis.measurement import RESAMPLES, Series
from kit.analysis.naming import trained
from kit.analysis.results import Result
from kit.analysis.statistics import Array, Estimate
from kit.runs.run import Run
from kit.stages.values import Zeros
from kit.study.grid import Cell, Point
from kit.study.preset import load
from kit.study.published import Figures, published

_NONE = float("nan")
_NO_DRAWS = np.full(RESAMPLES, np.nan)


class PublishedEvidence(RunEvidence):
    """All 56 published cells, as deciders see a run. Accuracies by class are not published."""

    def __init__(self) -> None:
        run = Run(Path("published"), load("paper").with_extra())
        super().__init__(run, [_result(cell) for cell in run.preset.cells()])
        self.series = Series(
            origin="device",
            where="pi",
            device=published().device,
            interpreter="tflite",
            delegate="none",
            threads=1,
            protocol="paper",
        )

    @property
    def each(self) -> tuple[RunEvidence, ...]:
        """Of a published training there is no more than the published values."""
        return ()

    def predicted(self, cells: Iterable[Point]) -> bool:
        return False

    def compared(self, cells: Iterable[Point]) -> bool:
        return self.evaluated(cells)

    def benched(self, cells: Iterable[Point]) -> bool:
        return all(_figures(cell) for cell in cells)

    def change(self, cell: Point, base: Point, bound: float = 0.0) -> Estimate:
        return statistics.point(self.top1(cell) - self.top1(base), published().test_images)

    def loss_difference(self, first: Sequence[Point], second: Sequence[Point]) -> Estimate:
        losses = [fmean(self.top1(trained(c.architecture)) - self.top1(c) for c in cells) for cells in (first, second)]
        return statistics.point(losses[0] - losses[1], published().test_images)

    def gap(self, cell: Point, bound: float) -> Estimate:
        train = self.results[cell].train
        return statistics.point(train.top1 - self.top1(cell) if train else _NONE, published().test_images)

    def times(self, cell: Point) -> tuple[float, Array]:
        figures = _figures(cell)
        return figures.latency_us if figures else _NONE, _NO_DRAWS

    def memory(self, cell: Point) -> tuple[float, Array]:
        figures = _figures(cell)
        return figures.memory_mib * 2**20 if figures else _NONE, _NO_DRAWS


@cache
def published_evidence() -> PublishedEvidence:
    """The published numbers, read once."""
    return PublishedEvidence()


def _figures(cell: Point) -> Figures | None:
    return published().of(cell)


def _result(cell: Cell) -> Result:
    f = _figures(cell.point)
    if f is None:
        return Result(cell)
    return Result(
        cell=cell,
        weights={"all": Zeros(f.parameters, f.parameters - f.nonzero)},
        size_bytes=round(f.file_mb * 1e6),
        gzip_bytes=round(f.gzip_mb * 1e6),
        test=Accuracy(published().test_images, f.test_loss or _NONE, f.top1, f.top3, ()),
        train=None if f.train_top1 is None else Accuracy(0, f.train_loss or _NONE, f.train_top1, _NONE, ()),
    )
