"""From records to results: one row of figures for each cell, with gaps where there is no record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from kit.analysis import descriptive
from kit.analysis.descriptive import Accuracy
from kit.analysis.measurement import BenchResult, Measurement, Series, of_record
from kit.bench.transport import LOCAL
from kit.errors import KitError
from kit.runs.artifacts import MODEL, PREDICTIONS, WEIGHTS
from kit.runs.record import read_as
from kit.runs.run import Run
from kit.stages.registry import maker
from kit.stages.standing import Standing
from kit.stages.values import Contents, ConvertValues, Engine, EvaluateValues, FitValues, Zeros
from kit.study.grid import Cell, Point

T = TypeVar("T")
_UNFIT = (KitError, LookupError, ValueError, ArithmeticError)  # of a record with values that no stage leaves


class Records(Struct, frozen=True):
    """Paths in the run of the records of what made a cell's weights, its model and its predictions."""

    weights: str = ""
    model: str = ""
    predictions: str = ""


class Result(Struct, frozen=True):
    """All figures of one cell; None or empty if nothing was recorded.

    `engine` is what evaluated it, and for int8 how the test images come out through another one. `series` is the one of its
    `benches` in which all cells beside it are shown; see `in_one_series`.
    """

    cell: Cell
    weights: dict[str, Zeros] | None = None
    size_bytes: int | None = None
    gzip_bytes: int | None = None
    test: Accuracy | None = None
    train: Accuracy | None = None
    contents: Contents | None = None
    engine: Engine | None = None
    benches: tuple[BenchResult, ...] = ()
    series: Series | None = None
    records: Records = Records()
    stale: dict[str, str] = {}

    @property
    def point(self) -> Point:
        return self.cell.point

    @property
    def bench(self) -> BenchResult | None:
        """The one whose latency and memory are shown beside those of other cells."""
        return next((bench for bench in self.benches if bench.series == self.series), None)

    @property
    def latency(self) -> Measurement | None:
        """Of the bench that is shown."""
        return self.bench.latency if self.bench else None

    @property
    def memory(self) -> Measurement | None:
        """Of the bench that is shown."""
        return self.bench.memory if self.bench else None

    def bench_in(self, series: Series) -> BenchResult | None:
        """The bench of a series, if it is not invalid."""
        return next((bench for bench in self.benches if bench.is_valid and bench.series == series), None)

    @property
    def parameters(self) -> int | None:
        return None if self.weights is None else sum(group.parameters for group in self.weights.values())

    @property
    def nonzero(self) -> int | None:
        return None if self.zeros is None or self.parameters is None else self.parameters - self.zeros

    @property
    def zeros(self) -> int | None:
        return None if self.weights is None else sum(group.zeros for group in self.weights.values())

    @property
    def achieved_sparsity(self) -> float | None:
        """Zeros over all parameters."""
        return None if self.zeros is None or not self.parameters else self.zeros / self.parameters


def results(run: Run, cells: Sequence[Cell] | None = None) -> list[Result]:
    """A result for each of the cells; without any for each cell of the run's preset, in its order."""
    reader = _Reader(run)
    return in_one_series([reader.result(cell) for cell in (run.preset.cells() if cells is None else cells)])


def usable_series(results: list[Result]) -> list[Series]:
    """The series in which measurements of different cells can be compared, the preferred one first: never one that is
    emulated or invalid.

    Several processes, in at least half of the cells, come before one, which tells no spread; a device before this machine; a
    Pi 4, the study's, before other devices; then the series with more cells.
    """
    usable = [one for r in results for one in r.benches if one.is_valid and one.series.origin in ("device", LOCAL)]
    cells = Counter(one.series for one in usable)
    spread = Counter(one.series for one in usable if one.process_count > 1)
    ranked = sorted(usable, key=lambda one: (
        2 * spread[one.series] < cells[one.series], _preference(one)[:3], -cells[one.series], _preference(one), one.series,
    ))  # fmt: skip
    return list(dict.fromkeys(one.series for one in ranked))


def in_one_series(results: list[Result]) -> list[Result]:
    """The results, with the times and memory that they show all of one series: the preferred usable one or, if none is
    usable, that of the preferred bench."""
    best = min((one for r in results for one in r.benches), key=_preference, default=None)
    series = next(iter(usable_series(results)), best.series if best else None)
    return [msgspec.structs.replace(r, series=series) for r in results]


def comparable(results: list[Result]) -> list[Result]:
    """The results for a figure: each with the bench that is shown; without invalid ones, if others aren't."""
    is_usable = any(r.bench and r.bench.is_valid for r in results)
    shown = [r.bench if r.bench and (r.bench.is_valid or not is_usable) else None for r in results]
    return [msgspec.structs.replace(r, benches=(one,) if one else ()) for r, one in zip(results, shown, strict=True)]


def is_pi_4(series: Series) -> bool:
    """Whether absolute times and memory of this series may be compared with the study's."""
    return series.origin == "device" and "Raspberry Pi 4" in series.device


def _preference(bench: BenchResult) -> tuple[bool, int, bool, bool, int, bool, bool]:
    """As the study measured: without a delegate, and on a device with its interpreter. Not on a PC: what that has for int8
    there is several times slower than float32.
    """
    series, ranks = bench.series, {"device": 0, LOCAL: 1}
    usual = "litert" if series.origin == LOCAL else "tflite"
    return (
        not bench.is_valid,
        ranks.get(series.origin, 2),
        not is_pi_4(series),
        bench.latency.validity != "valid",
        series.threads,
        series.interpreter != usual,
        series.delegate != "none",
    )


class _Reader:
    """Reads the records of one run: of those that don't belong to it, or cannot be read, it keeps the reason alone."""

    def __init__(self, run: Run) -> None:
        self.run, self.standing = run, Standing(run)

    def result(self, cell: Cell) -> Result:
        run, stale = self.run, dict[str, str]()
        figures = {
            **self._figures(WEIGHTS, cell.variant, FitValues, lambda made: {"weights": made.weights}, stale),
            **self._figures(MODEL, cell, ConvertValues, _sizes, stale),
            **self._figures(PREDICTIONS, cell, EvaluateValues, _evaluation, stale),
        }
        benches = tuple(one for path in run.bench_paths(cell) if (one := self._bench(cell, path, stale)))
        records = Records(made_by(run, WEIGHTS, cell.variant), made_by(run, MODEL, cell), made_by(run, PREDICTIONS, cell))
        return Result(cell=cell, benches=benches, records=records, stale=stale, **figures)

    def _figures(
        self, file: str, cell: Cell, kind: type[T], take: Callable[[T], dict[str, Any]], stale: dict[str, str]
    ) -> dict[str, Any]:
        """What the record of the stage that writes `file` says; nothing, and the reason in `stale`, if it doesn't belong."""
        stage = maker(file, cell).name
        found, record = self.standing.of(stage, cell), None
        if not found.belongs:
            stale[f"{stage} {cell.name}"] = "; ".join(found.why)
            return {}
        try:
            record = self.run.record(stage, cell)
            return take(read_as(kind, record.values, record)) if record else {}
        except _UNFIT as error:
            stale[f"{stage} {cell.name}"] = _reason(error)
            return {}

    def _bench(self, cell: Cell, path: Path, stale: dict[str, str]) -> BenchResult | None:
        name = self.run.relative(path)
        try:
            record = self.run.read(path)
            if (found := self.standing.of_bench(cell, record)).belongs:
                return of_record(record, name)
            stale[name] = "; ".join(found.why)
        except _UNFIT as error:
            stale[name] = _reason(error)
        return None


def _reason(error: Exception) -> str:
    return error.wrong if isinstance(error, KitError) else f"its values contradict each other ({error})"


def _sizes(made: ConvertValues) -> dict[str, Any]:
    return {"size_bytes": made.size_bytes, "gzip_bytes": made.gzip_bytes}


def _evaluation(made: EvaluateValues) -> dict[str, Any]:
    return {
        "test": descriptive.accuracy(made.test),
        "train": descriptive.accuracy(made.train),
        "contents": made.contents,
        "engine": made.engine,
    }


def made_by(run: Run, file: str, cell: Cell) -> str:
    """The path in the run of the record of the stage that writes `file`."""
    return run.relative(run.record_path(maker(file, cell).name, cell))
