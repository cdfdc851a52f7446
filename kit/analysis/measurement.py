"""The one definition of latency and peak memory: every table, figure, verdict, export and terminal line takes it from here.
Needs numpy, and nothing that `kit bench` does not have.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from kit.bench import legacy
from kit.bench.protocol import centre
from kit.bench.transport import LOCAL
from kit.bench.values import BenchSettings, BenchValues, Sample
from kit.runs.record import Record

Array = np.ndarray[Any, Any]
Processes = tuple[tuple[float, ...], ...]
RESAMPLES = 10_000  # the smallest p-value is 1e-4: enough for Holm over a few hundred tests
_CONFIDENCE = 0.95
_VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2"}  # the widest first


class Series(Struct, frozen=True, order=True):
    """What two measurements must have in common to be compared. `where` is the host's name in the settings, or `local`.

    `device` says the widest vector instructions of a PC, since a virtual one's processors of several kinds have one name.
    `protocol` is empty if an older kit measured without one.
    """

    origin: str
    where: str
    device: str
    interpreter: str
    delegate: str
    threads: int
    protocol: str


class Measurement(Struct, frozen=True):
    """One quantity of one cell: its `value`, what `statistic` it is, and its 95 % interval, None if there is none.

    `unit` is µs (a latency) or B (the growth of the peak RSS by loading and running the model). `processes` has the raw
    values of each fresh process: its single inferences, or its one growth. The value is the mean of the processes' means,
    or the median of their medians, as the protocol says. `validity` is valid, invalid or unknown (an older kit did not
    look); where it is invalid the value is shown, marked, and decides nothing.
    """

    value: float
    statistic: str
    interval: tuple[float, float] | None
    unit: str
    processes: Processes
    validity: str
    invalid_reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    series: Series
    record: str

    @property
    def n(self) -> int:
        """How many inferences it is over or, of a memory, how many processes."""
        return sum(map(len, self.processes))

    @property
    def is_valid(self) -> bool:
        return self.validity != "invalid"

    @property
    def figure(self) -> tuple[float, Array]:
        """The value and its bootstrap draws, for ratios and tests."""
        return self.value, resampled(self.processes, self.statistic, f"{self.unit} {self.record}")


class Delegation(Struct, frozen=True):
    """How many of the file's `nodes` a delegate runs, in how many `partitions`."""

    nodes: int
    delegated: int
    partitions: int

    def __str__(self) -> str:
        return f"{self.delegated}/{self.nodes}"


class BenchResult(Struct, frozen=True):
    """What one record of a bench says: both quantities, and what the delegate ran (None: an older kit did not look)."""

    latency: Measurement
    memory: Measurement
    delegation: Delegation | None

    @property
    def series(self) -> Series:
        return self.latency.series

    @property
    def record(self) -> str:
        return self.latency.record

    @property
    def is_valid(self) -> bool:
        return self.latency.is_valid

    @property
    def process_count(self) -> int:
        return len(self.latency.processes)


def of_record(record: Record, path: str) -> BenchResult:
    """The bench in a record; `path` is the record's in the run. Raises KitError if it is not a bench record."""
    features = record.environment.get("processor_features")
    return of_values(legacy.settings(record), legacy.values(record), path, features if isinstance(features, list) else ())


def of_values(settings: BenchSettings, values: BenchValues, path: str = "", features: Sequence[object] = ()) -> BenchResult:
    """The bench in what was measured; `features` are those of the processor that runs the kit."""
    device = _device(settings, values, features)
    series = Series(
        values.origin, settings.where, device, settings.interpreter, settings.delegate, settings.threads, settings.protocol
    )
    latencies = tuple(tuple(ns / 1000 for ns in sample.latency_ns) for sample in values.samples)
    growths = tuple((float(sample.peak_rss_bytes - sample.base_rss_bytes),) for sample in values.samples)

    def measurement(unit: str, processes: Processes) -> Measurement:
        return Measurement(
            value=of_processes(processes, settings.statistic),
            statistic=settings.statistic,
            interval=interval(processes, settings.statistic, f"{unit} {path}"),
            unit=unit,
            processes=processes,
            validity=values.validity,
            invalid_reasons=values.invalid_reasons or (("invalid",) if values.validity == "invalid" else ()),
            warnings=values.warnings,
            series=series,
            record=path,
        )

    return BenchResult(measurement("µs", latencies), measurement("B", growths), _delegation(values.samples))


def _device(settings: BenchSettings, values: BenchValues, features: Sequence[object]) -> str:
    """A device with a pinned clock is another device, and so is a PC with other vector instructions."""
    widest = [name for flag, name in _VECTORS.items() if flag in features and values.origin == LOCAL]
    clock = [f"{settings.clock_mhz} MHz"] if settings.clock_mhz else []
    return " at ".join([", ".join([values.device.model, *widest[:1]]), *clock])


def _delegation(samples: tuple[Sample, ...]) -> Delegation | None:
    first = samples[0]
    if first.nodes is None or first.delegated_nodes is None or first.partitions is None:
        return None
    return Delegation(first.nodes, first.delegated_nodes, first.partitions)


def joined(benches: Sequence[BenchResult]) -> BenchResult:
    """Benches of one series as one, over the processes of all; its record is that of the first."""
    latency, memory = (_joined([getattr(bench, quantity) for bench in benches]) for quantity in ("latency", "memory"))
    return BenchResult(latency, memory, benches[0].delegation)


def _joined(measured: Sequence[Measurement]) -> Measurement:
    first = measured[0]
    processes = tuple(process for one in measured for process in one.processes)
    return msgspec.structs.replace(
        first,
        value=of_processes(processes, first.statistic),
        interval=interval(processes, first.statistic, f"{first.unit} {first.record}"),
        processes=processes,
        validity="valid" if all(one.validity == "valid" for one in measured) else "unknown",
        warnings=tuple(dict.fromkeys(warning for one in measured for warning in one.warnings)),
    )


def of_processes(processes: Processes, statistic: str) -> float:
    """The mean of the processes' means, or the median of their medians."""
    return centre([centre(values, statistic) for values in processes], statistic)


def interval(processes: Processes, statistic: str, seed: str) -> tuple[float, float] | None:
    """The 95 % percentile interval of `resampled`; one process tells nothing of the next."""
    if len(processes) < 2:
        return None
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(resampled(processes, statistic, seed), [tail, 1 - tail])
    return float(low), float(high)


@cache
def resampled(processes: Processes, statistic: str, seed: str) -> Array:
    """RESAMPLES draws of a cell's value: processes with replacement, then in each its inferences.

    The hierarchical bootstrap that T. Kalibera and R. Jones ask for (Rigorous benchmarking in reasonable time, ISMM 2013).
    P processes make draws too narrow by sqrt((P - 1) / P); that is undone (T. Hesterberg, The American Statistician 69,
    2015, on narrowness bias). One process says nothing of the next: NaN. `seed` is any text; the same gives the same draws.
    """
    if len(processes) == 1:
        return np.full(RESAMPLES, np.nan)
    generator = np.random.default_rng(zlib.crc32(seed.encode()))
    chosen = generator.integers(len(processes), size=(RESAMPLES, len(processes)))
    if all(len(values) == 1 for values in processes):  # nothing to draw in a process
        drawn = np.array([values[0] for values in processes], float)[chosen]
    else:
        drawn = np.empty(chosen.shape)
        for index, values in enumerate(processes):
            where = chosen == index
            drawn[where] = _redrawn(np.sort(np.asarray(values, float)), statistic, int(where.sum()), generator)
    joined = drawn.mean(axis=1) if statistic == "mean" else np.median(drawn, axis=1)
    middle = of_processes(processes, statistic)
    widened: Array = middle + (joined - middle) * math.sqrt(len(processes) / (len(processes) - 1))
    return widened


def _redrawn(ordered: Array, statistic: str, count: int, generator: np.random.Generator) -> Array:
    """`count` draws of the statistic of as many values as there are, drawn with replacement.

    The median of m draws from m sorted values is the value at a rank that follows a Beta distribution (order statistics of
    uniform ranks), so it is drawn as such; the mean is nearly normal (central limit theorem).
    """
    m = len(ordered)
    if statistic == "mean":
        normal: Array = generator.normal(ordered.mean(), ordered.std() / math.sqrt(m), size=count)
        return normal
    picked: Array = ordered[(generator.beta((m + 1) / 2, (m + 1) / 2, size=count) * m).astype(int)]
    return picked
