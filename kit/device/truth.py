"""The truth gate: what a device's readings say about a measurement. A taint makes it invalid, a doubt is said beside it."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from kit.device.protocol import Protocol

Reading = dict[str, Any]
Gate = dict[str, Any]

# The firmware's `get_throttled`: bits 0 to 3 say what is now, bits 16 to 19 what has been since the last look: the kernel
# clears them when it looks, so that only those of the first reading are of a time before the measurement.
_BITS = {0: "under-voltage", 1: "the firmware capped the clock", 2: "throttled", 3: "the soft temperature limit"}
_STICKY = 16
COOL_C = 60.0
_CLOCK_SHARE = 0.95
_SPREAD, _DRIFT, _LOAD = 0.10, 0.05, 0.7


def taints(gate: Gate) -> list[str]:
    """Why a measurement cannot stand; empty where nothing spoils it."""
    before, readings = gate["before"], [gate["before"], *gate["during"], gate["after"]]
    return [*_throttling(before, readings), *_clock(before, readings)]


def _throttling(before: Reading, readings: Sequence[Reading]) -> Iterator[str]:
    seen = before["throttled"] or 0
    for reading in readings[1:]:
        bits = reading["throttled"] or 0
        seen |= bits | bits >> _STICKY
    yield from (name for bit, name in _BITS.items() if seen >> bit & 1)


def _clock(before: Reading, readings: Sequence[Reading]) -> Iterator[str]:
    governors = {reading["governor"] for reading in readings}
    if len(governors) > 1:
        yield f"the governor changed ({', '.join(sorted(str(name) for name in governors))})"
    if governors != {"performance"}:
        return  # other governors change the clock as they like: that is a doubt, not a taint
    full = max(before["max_clock_khz"], default=0)
    lowest = min((clock for reading in readings for clock in reading["clock_khz"]), default=full)
    if lowest < _CLOCK_SHARE * full:
        yield f"the clock fell to {lowest / 1000:.0f} of {full / 1000:.0f} MHz"


def is_hot(reading: Reading) -> bool:
    """Whether to wait before measuring: warm, or throttled at this moment."""
    return (reading["temperature_c"] or 0.0) > COOL_C or bool((reading["throttled"] or 0) & 0xF)


def doubts(
    samples: Sequence[dict[str, Any]], gates: Sequence[Gate], sentinels_ns: Sequence[float], protocol: Protocol, threads: int
) -> list[str]:
    """What a reader should know beside the number: short phrases, none where nothing is in doubt."""
    return [
        *_of_samples(samples, protocol),
        *_of_drift(sentinels_ns),
        *_of_device([gate["before"] for gate in gates], threads),
    ]


def _of_samples(samples: Sequence[dict[str, Any]], protocol: Protocol) -> Iterator[str]:
    pooled = sorted(ns for sample in samples for ns in sample["latency_ns"])
    if min(len(sample["latency_ns"]) for sample in samples) < 50 or (protocol.name != "paper" and len(samples) < 5):
        yield f"few samples ({len(samples)} processes, {len(pooled)} inferences)"
    lower, median, upper = statistics.quantiles(pooled, n=4, method="inclusive") if len(pooled) > 1 else pooled * 3
    if upper - lower > _SPREAD * median:
        yield f"spread {100 * (upper - lower) / median:.0f} % between quartiles"
    medians = [statistics.median(sample["latency_ns"]) for sample in samples]
    if max(medians) - min(medians) > _SPREAD * median:
        yield f"spread {100 * (max(medians) - min(medians)) / median:.0f} % between processes"


def _of_drift(sentinels_ns: Sequence[float]) -> Iterator[str]:
    if len(sentinels_ns) > 1 and max(sentinels_ns) - min(sentinels_ns) > _DRIFT * min(sentinels_ns):
        share = 100 * (max(sentinels_ns) - min(sentinels_ns)) / min(sentinels_ns)
        yield f"drift {share:.0f} % between {len(sentinels_ns)} measurements of the sentinel"


def _of_device(readings: Sequence[Reading], threads: int) -> Iterator[str]:
    governors = {reading["governor"] for reading in readings}
    if governors != {"performance"}:
        yield f"governor {', '.join(sorted(str(name or 'unknown') for name in governors))}, not performance"
    if any(reading["throttled"] is None for reading in readings):
        yield "the device does not tell whether it throttles"
    load = max((reading["load"] for reading in readings), default=0.0)
    if load > threads + _LOAD:  # a minute's average: the measurement's own share is in it
        yield f"other load (load average {load:.1f})"
