"""Runs joined: all that is said of each, and what seeds change where runs differ in nothing else."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct

from kit.records.run import Run
from kit.report.comparison import Comparison, compare
from kit.report.compressed import Compression, compressions
from kit.report.decide import decide
from kit.report.ground import Ground
from kit.report.results import Result, Series
from kit.report.rows import Row, Timing, row, timing
from kit.report.verdict import Verdict
from kit.study.datasets import dataset
from kit.study.preset import Preset

METRICS = ("top1", "top3", "loss", "train_top1", "size_bytes", "gzip_bytes", "latency_us", "memory_bytes")
_MEASURED = ("latency_us", "memory_bytes")  # of these, only what was measured in the same way is averaged


class OneRun(Struct, frozen=True):
    """One run: its preset, a row for each cell, every bench, and what is concluded from them.

    `by_class` has the top-1 of each class by cell. `series` is the one in which times decide.
    """

    name: str
    preset: Preset
    cells: tuple[Row, ...]
    by_class: dict[str, dict[str, float]]
    benches: tuple[Timing, ...]
    series: Series | None
    verdicts: tuple[Verdict, ...]
    comparisons: tuple[Comparison, ...]
    compressions: tuple[Compression, ...]


class OverSeeds(Struct, frozen=True):
    """One metric of one cell over runs that differ only in the seed: n runs, their mean, and their standard deviation.

    The deviation is that of a sample (n - 1), in the metric's own unit.
    """

    runs: tuple[str, ...]
    cell: str
    metric: str
    n: int
    mean: float
    deviation: float


class Study(Struct, frozen=True):
    """One or more runs side by side, in the order in which they were given."""

    runs: tuple[OneRun, ...]
    seeds: tuple[OverSeeds, ...]


def join(runs: Sequence[Run]) -> Study:
    """Everything that can be said of some runs."""
    reported = tuple(one_run(run) for run in runs)
    return Study(reported, tuple(_over_seeds(reported)))


def one_run(run: Run, found: list[Result] | None = None) -> OneRun:
    ground = Ground(run, found)
    each = list(ground.results.values())
    return OneRun(
        name=run.name,
        preset=run.preset,
        cells=tuple(row(run.name, run.preset.seed, r) for r in each),
        by_class=_by_class(run, each),
        benches=tuple(timing(r, bench) for r in each for bench in r.latencies),
        series=ground.series,
        verdicts=tuple(decide(ground)),
        comparisons=tuple(compare(ground)),
        compressions=tuple(compressions(ground)),
    )


def _by_class(run: Run, found: list[Result]) -> dict[str, dict[str, float]]:
    classes = dataset(run.preset.dataset).classes
    return {
        r.cell.name: {label: top1 for label, top1 in zip(classes, r.test.by_class, strict=True) if not math.isnan(top1)}
        for r in found
        if r.test
    }


def _over_seeds(runs: Sequence[OneRun]) -> Iterator[OverSeeds]:
    groups: dict[bytes, list[OneRun]] = {}
    for run in runs:
        groups.setdefault(_but_for_the_seed(run.preset), []).append(run)
    for group in groups.values():
        by_seed = {run.preset.seed: run for run in reversed(group)}  # a run and its excerpt are one training
        if len(by_seed) > 1:
            yield from _of_group(list(reversed(by_seed.values())))


def _but_for_the_seed(preset: Preset) -> bytes:
    """What two runs must share to differ only in the seed. A preset's name and grid decide no number."""
    same = msgspec.structs.replace(preset, seed=0, name="", architectures=(), extra_architectures=(), precisions=())
    return msgspec.json.encode(msgspec.structs.replace(same, sparsities=()))


def _of_group(group: Sequence[OneRun]) -> Iterator[OverSeeds]:
    cells = dict.fromkeys(row.cell for run in group for row in run.cells)
    for cell in cells:
        rows = [row for run in group for row in run.cells if row.cell == cell]
        for metric in METRICS:
            chosen = _alike(rows) if metric in _MEASURED else rows
            values = [float(value) for row in chosen if (value := getattr(row, metric)) is not None]
            if len(values) > 1:
                names = tuple(row.run for row in chosen if getattr(row, metric) is not None)
                deviation = statistics.stdev(values)
                yield OverSeeds(names, cell, metric, len(values), statistics.fmean(values), deviation)


def _alike(rows: Sequence[Row]) -> list[Row]:
    """Those rows whose times were measured as the first's were, and validly."""
    valid = [row for row in rows if row.is_valid]
    return [row for row in valid if _measured_how(row) == _measured_how(valid[0])]


def _measured_how(row: Row) -> tuple[str | int | None, ...]:
    return row.origin, row.device, row.interpreter, row.threads, row.protocol
