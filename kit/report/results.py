"""From records to results: one row of figures for each cell, missing where there is no record."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from kit.records import statistics
from kit.records.record import Record
from kit.records.run import Run
from kit.records.statistics import Accuracy, Spread
from kit.study.cells import Cell


class Latency(Struct, frozen=True):
    """Latency of single inferences in microseconds, pooled over fresh processes; `origin` is device, host or emulated."""

    spread: Spread
    processes: int
    origin: str
    interpreter: str
    device: str


class Result(Struct, frozen=True):
    """All figures of one cell; None where nothing was recorded.

    `memory_bytes` is the growth of the peak RSS by loading and running the model, over fresh processes.
    """

    cell: Cell
    weights: dict[str, dict[str, int]] | None = None
    size_bytes: int | None = None
    gzip_bytes: int | None = None
    test: Accuracy | None = None
    train: Accuracy | None = None
    contents: dict[str, Any] | None = None
    latency: Latency | None = None
    memory_bytes: Spread | None = None

    @property
    def parameters(self) -> int | None:
        return self._sum("parameters")

    @property
    def nonzero(self) -> int | None:
        zeros, parameters = self._sum("zeros"), self._sum("parameters")
        return None if zeros is None or parameters is None else parameters - zeros

    @property
    def achieved_sparsity(self) -> float | None:
        """Zeros over all parameters."""
        zeros, parameters = self._sum("zeros"), self._sum("parameters")
        return None if zeros is None or not parameters else zeros / parameters

    def _sum(self, what: str) -> int | None:
        return None if self.weights is None else sum(group[what] for group in self.weights.values())


def results(run: Run) -> list[Result]:
    """A result for each cell of the run's preset, in its order."""
    return [_result(run, cell) for cell in run.preset.cells()]


def _result(run: Run, cell: Cell) -> Result:
    made = run.record("prune" if cell.sparsity else "train", cell.variant)
    convert, evaluate, bench = (run.record(stage, cell) for stage in ("convert", "evaluate", "bench"))
    return Result(
        cell=cell,
        weights=made.values["weights"] if made else None,
        size_bytes=convert.values["size_bytes"] if convert else None,
        gzip_bytes=convert.values["gzip_bytes"] if convert else None,
        test=statistics.accuracy(evaluate.values["test"]) if evaluate else None,
        train=statistics.accuracy(evaluate.values["train"]) if evaluate else None,
        contents=evaluate.values["contents"] if evaluate else None,
        latency=_latency(bench) if bench else None,
        memory_bytes=_memory_bytes(bench) if bench else None,
    )


def _latency(record: Record) -> Latency:
    samples = record.values["samples"]
    pooled = [ns / 1000 for sample in samples for ns in sample["latency_ns"]]
    return Latency(
        statistics.spread(pooled),
        len(samples),
        record.values["origin"],
        record.settings["interpreter"],
        record.environment["processor"],
    )


def _memory_bytes(record: Record) -> Spread:
    growths = [sample["peak_rss_bytes"] - sample["base_rss_bytes"] for sample in record.values["samples"]]
    return statistics.spread(growths)
