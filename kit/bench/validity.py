"""What a device's readings say about a measurement: what makes it invalid, and what to warn about."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kit.bench.values import Reading, Readings, Sample
from kit.study.protocols import Protocol

# The firmware's `get_throttled`: bits 0 to 3 say what is now, bits 16 to 19 what has been since the last look: the kernel
# clears them when it looks, so that only those of the first reading are of a time before the measurement.
_BITS = {0: "under-voltage", 1: "the firmware capped the clock", 2: "throttled", 3: "the soft temperature limit"}
_STICKY = 16
COOL_C = 60.0
_CLOCK_SHARE = 0.95
_STUDY_PI_4_KHZ = 1_500_000  # a Rev 1.4 or later may run at 1.8 GHz
_SPREAD, _DRIFT, _LOAD = 0.10, 0.05, 0.7


def invalid_reasons(readings: Readings) -> list[str]:
    """Why a measurement is invalid; empty if nothing spoils it."""
    each = [readings.before, *readings.during, readings.after]
    return [*_throttling(each), *_clock(each)]


def _throttling(readings: Sequence[Reading]) -> Iterator[str]:
    seen = readings[0].throttled or 0
    for reading in readings[1:]:
        bits = reading.throttled or 0
        seen |= bits | bits >> _STICKY
    yield from (name for bit, name in _BITS.items() if seen >> bit & 1)


def _clock(readings: Sequence[Reading]) -> Iterator[str]:
    governors = {reading.governor for reading in readings}
    if len(governors) > 1:
        yield f"the governor changed ({', '.join(sorted(str(name) for name in governors))})"
    if governors != {"performance"}:
        return  # other governors change the clock at will: that is only worth a warning
    full = max(readings[0].max_clock_khz, default=0)
    clocks = (clock for reading in readings for clock in (*reading.clock_khz, reading.measured_khz or full))
    lowest = min(clocks, default=full)
    if lowest < _CLOCK_SHARE * full:
        yield f"the clock fell to {lowest / 1000:.0f} of {full / 1000:.0f} MHz"


def is_hot(reading: Reading) -> bool:
    """Whether to wait before measuring: warm, or throttled now."""
    return (reading.temperature_c or 0.0) > COOL_C or bool((reading.throttled or 0) & 0xF)


@dataclass(frozen=True)
class MeasuredCell:
    """One cell's processes, what the device said before each, the sentinel's medians in nanoseconds, and how it was run."""

    samples: Sequence[Sample]
    before: Sequence[Reading]
    sentinels_ns: Sequence[float]
    protocol: Protocol
    delegate: str = "none"
    threads: int = 1
    model: str = ""


def warnings(measured: MeasuredCell) -> list[str]:
    """What a reader should know besides the number: short phrases, or none."""
    return [
        *_of_samples(measured.samples, measured.protocol),
        *_of_drift(measured.sentinels_ns),
        *_of_device(measured.before, measured.threads),
        *_of_clock(measured.before, measured.model),
        *_of_delegate(measured.samples, measured.delegate),
    ]


def _of_samples(samples: Sequence[Sample], protocol: Protocol) -> Iterator[str]:
    pooled = sorted(ns for sample in samples for ns in sample.latency_ns)
    if min(len(sample.latency_ns) for sample in samples) < 50 or (protocol.processes > 1 and len(samples) < 5):
        yield f"few samples ({len(samples)} processes, {len(pooled)} inferences)"
    lower, median, upper = statistics.quantiles(pooled, n=4, method="inclusive") if len(pooled) > 1 else pooled * 3
    if upper - lower > _SPREAD * median:
        yield f"spread {100 * (upper - lower) / median:.0f} % between quartiles"
    medians = [statistics.median(sample.latency_ns) for sample in samples]
    if max(medians) - min(medians) > _SPREAD * median:
        yield f"spread {100 * (max(medians) - min(medians)) / median:.0f} % between processes"


def _of_drift(sentinels_ns: Sequence[float]) -> Iterator[str]:
    if len(sentinels_ns) > 1 and max(sentinels_ns) - min(sentinels_ns) > _DRIFT * min(sentinels_ns):
        share = 100 * (max(sentinels_ns) - min(sentinels_ns)) / min(sentinels_ns)
        yield f"drift {share:.0f} % between {len(sentinels_ns)} measurements of the sentinel"


def _of_device(readings: Sequence[Reading], threads: int) -> Iterator[str]:
    governors = {reading.governor for reading in readings}
    if governors != {"performance"}:
        yield f"governor {', '.join(sorted(str(name or 'unknown') for name in governors))}, not performance"
    if any(reading.throttled is None for reading in readings):
        yield "the device does not tell whether it throttles"
    load = max((reading.load for reading in readings), default=0.0)
    if load > threads + _LOAD:  # a minute's average: the measurement's own share is in it
        yield f"other load (load average {load:.1f})"


def _of_clock(readings: Sequence[Reading], model: str) -> Iterator[str]:
    full_khz = max((clock for reading in readings for clock in reading.max_clock_khz), default=0)
    if "Raspberry Pi 4" in model and full_khz > _STUDY_PI_4_KHZ:
        study = f"{_STUDY_PI_4_KHZ / 1000:.0f}"
        yield f"clock {full_khz / 1000:.0f} MHz, the study's was {study} (--clock {study} pins it)"


def _of_delegate(samples: Sequence[Sample], delegate: str) -> Iterator[str]:
    if delegate != "none" and any(sample.delegated_nodes == 0 for sample in samples):
        yield f"{delegate} runs none of the file's nodes"
