"""From records to results: one row of figures for each cell, missing where there is no record."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from msgspec import Struct

from kit.records import record as records
from kit.records import statistics
from kit.records.record import Record
from kit.records.run import Run
from kit.records.statistics import Accuracy, Spread
from kit.study.cells import Cell


class Latency(Struct, frozen=True):
    """One bench of a cell: latency of single inferences in microseconds, pooled over fresh processes, and memory.

    `origin` is device, host or emulated; `device` is the model of a device, or the processor of a host. `processes_us` has
    the raw latencies of each process, and `growths_bytes` the growth of its peak RSS by loading and running the model.
    Where `reasons` has any, the bench is not valid: it is shown, but decides nothing.
    """

    spread: Spread
    processes: int
    origin: str
    interpreter: str
    device: str
    threads: int
    protocol: str
    where: str
    memory_bytes: Spread
    record: str
    processes_us: tuple[tuple[float, ...], ...]
    growths_bytes: tuple[int, ...]
    reasons: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def is_valid(self) -> bool:
        return not self.reasons

    @property
    def series(self) -> Series:
        return Series(self.origin, self.where, self.device, self.interpreter, self.threads, self.protocol)


class Series(Struct, frozen=True, order=True):
    """What two latencies must have in common to be compared. `where` is the device's name in the settings, or `local`."""

    origin: str
    where: str
    device: str
    interpreter: str
    threads: int
    protocol: str


class Result(Struct, frozen=True):
    """All figures of one cell; None or empty where nothing was recorded."""

    cell: Cell
    weights: dict[str, dict[str, int]] | None = None
    size_bytes: int | None = None
    gzip_bytes: int | None = None
    test: Accuracy | None = None
    train: Accuracy | None = None
    contents: dict[str, Any] | None = None
    latencies: tuple[Latency, ...] = ()

    @property
    def latency(self) -> Latency | None:
        """The preferred one: valid before not valid, then device, host, emulated, then as the study measured."""
        return min(self.latencies, key=_preference, default=None)

    @property
    def memory_bytes(self) -> Spread | None:
        """Growth of the peak RSS by loading and running the model, over fresh processes, from the preferred bench."""
        return self.latency.memory_bytes if self.latency else None

    def latency_in(self, series: Series) -> Latency | None:
        """The valid bench of a series."""
        return next((latency for latency in self.latencies if latency.is_valid and latency.series == series), None)

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


def usable_series(results: list[Result]) -> list[Series]:
    """The series in which latencies of different cells can be compared, the preferred one first: never one that is emulated
    or not valid.

    Several processes come before one, which tells no spread; a device before a host; a Pi 4, the study's, before other
    devices; then the series with more cells.
    """
    usable = [one for r in results for one in r.latencies if one.is_valid and one.origin in ("device", "host")]
    cells = Counter(one.series for one in usable)
    ranked = sorted(
        usable, key=lambda one: (one.processes < 2, _preference(one)[:3], -cells[one.series], _preference(one), one.series)
    )
    return list(dict.fromkeys(one.series for one in ranked))


def comparable(results: list[Result]) -> list[Result]:
    """The results with only those benches that can stand beside each other: those of the preferred usable series or, where
    no bench is usable, of the preferred one's."""
    usable = usable_series(results)
    best = min((one for r in results for one in r.latencies), key=_preference, default=None)
    series = usable[0] if usable else best.series if best else None
    shown = [[one for one in r.latencies if one.series == series and (one.is_valid or not usable)] for r in results]
    return [msgspec.structs.replace(r, latencies=tuple(some)) for r, some in zip(results, shown, strict=True)]


def is_pi_4(series: Series) -> bool:
    """Whether absolute times and memory of this series may be compared with the study's."""
    return series.origin == "device" and "Raspberry Pi 4" in series.device


def _preference(latency: Latency) -> tuple[bool, int, bool, int, bool]:
    ranks = {"device": 0, "host": 1}
    # The study's interpreter on a device. Not on a PC: what it has for int8 there is several times slower than float32.
    usual = "litert" if latency.origin == "host" else "tflite"
    return (
        not latency.is_valid,
        ranks.get(latency.origin, 2),
        not is_pi_4(latency.series),
        latency.threads,
        latency.interpreter != usual,
    )


def _result(run: Run, cell: Cell) -> Result:
    made = run.record("prune" if cell.sparsity else "train", cell.variant)
    convert, evaluate = (run.record(stage, cell) for stage in ("convert", "evaluate"))
    return Result(
        cell=cell,
        weights=made.values["weights"] if made else None,
        size_bytes=convert.values["size_bytes"] if convert else None,
        gzip_bytes=convert.values["gzip_bytes"] if convert else None,
        test=statistics.accuracy(evaluate.values["test"]) if evaluate else None,
        train=statistics.accuracy(evaluate.values["train"]) if evaluate else None,
        contents=evaluate.values["contents"] if evaluate else None,
        latencies=tuple(_latency(records.read(path), run.relative(path)) for path in run.bench_paths(cell)),
    )


def _latency(record: Record, path: str) -> Latency:
    values, settings = record.values, record.settings
    samples = values["samples"]
    processes = tuple(tuple(ns / 1000 for ns in sample["latency_ns"]) for sample in samples)
    growths = tuple(sample["peak_rss_bytes"] - sample["base_rss_bytes"] for sample in samples)
    validity = values.get("validity", {"state": "VALID"})
    return Latency(
        spread=statistics.spread([us for process in processes for us in process]),
        processes=len(samples),
        origin=values["origin"],
        interpreter=settings["interpreter"],
        device=values.get("device", {}).get("model") or record.environment["processor"],
        threads=settings["threads"],
        protocol=settings.get("protocol", ""),
        where=settings["device"],
        memory_bytes=statistics.spread(growths),
        record=path,
        processes_us=processes,
        growths_bytes=growths,
        reasons=() if validity["state"] == "VALID" else tuple(map(str, validity.get("reasons") or ["not valid"])),
        doubts=tuple(map(str, values.get("doubts", ()))),
    )
