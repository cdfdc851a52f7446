"""Claims about quantization: int8 against float32, both of the trained, unpruned network."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from kit.analysis import statistics
from kit.analysis.claims import kinds
from kit.analysis.claims.classes import unevenness
from kit.analysis.claims.limits import measured, missing
from kit.analysis.evidence import V3, RunEvidence
from kit.analysis.finding import Finding, Part, Test
from kit.analysis.naming import name, pair, quantized, spread_of, studied, trained
from kit.analysis.verdicts import Message
from kit.study.claims import limits

HERO = "mobilenet"
SAVES_MOST = (HERO, "mobilenet_v3_large")


def quantized_files(evidence: RunEvidence) -> Finding:
    """Size of the float32 file over size of the int8 file. Exact."""
    there = [a for a in studied() if evidence.converted([trained(a), quantized(a)])]
    parts = [Part(name(a), (_file_ratio(evidence, a),)) for a in there]
    known = limits()
    return Finding(
        tuple(parts),
        Message(
            "exact ratio of file sizes, within {least} to {most} give or take {percent} %",
            {"least": known.shrinks_least_times, "most": known.shrinks_most_times, "percent": known.shrinks_percent},
        ),
        figures=_range(parts, Message("The files shrink {low:.2f} to {high:.2f} times.")),
        missing=missing(there),
    )


def _file_ratio(evidence: RunEvidence, architecture: str) -> Test:
    known, sizes = limits(), (kinds.file_bytes, kinds.file_bytes)
    room = known.shrinks_percent / 100
    return kinds.size(
        evidence,
        trained(architecture),
        quantized(architecture),
        Message("file size, ratio"),
        sizes,
        above=known.shrinks_least_times * (1 - room),
        below=known.shrinks_most_times * (1 + room),
    )


def quantized_accuracy(evidence: RunEvidence) -> Finding:
    """Change of top-1 on the same test images: shown to cost less than the margin; for MobileNetV3 shown to cost more."""
    there = [a for a in studied() if evidence.compared([trained(a), quantized(a)])]
    parts = [Part(_expectation(a), (_loss(evidence, a),)) for a in there]
    return Finding(
        tuple(parts),
        Message(
            "Tango's score test of the paired change against a margin of {points} percentage points (one-sided), Holm",
            {"points": limits().little_points},
        ),
        figures=_range(parts, Message("Top-1 changes by {low:+z.2f} to {high:+z.2f} percentage points."), 100),
        missing=missing(there),
    )


def _expectation(architecture: str) -> Message:
    if architecture in V3:
        return Message("{name} (loses)", {"name": name(architecture)})
    return Message("{name} (loses little)", {"name": name(architecture)})


def _loss(evidence: RunEvidence, architecture: str) -> Test:
    margin = -limits().little_points / 100
    above, below = (None, margin) if architecture in V3 else (margin, None)
    return kinds.accuracy(evidence, quantized(architecture), trained(architecture), above, below)


def quantized_latency(evidence: RunEvidence) -> Finding:
    """Latency of float32 over int8: above the bound for each, and highest for MobileNet."""
    there = [a for a in studied() if evidence.benched([trained(a), quantized(a)])]
    parts = [_most_of_all(evidence, there) if a == HERO else Part(name(a), (_speedup(evidence, a),)) for a in there]
    place = measured(evidence)
    return Finding(
        tuple(parts),
        Message(
            "hierarchical bootstrap of latency ratios against {times}, and of their ratios against 1, Holm",
            {"times": limits().strongly_times},
        ),
        figures=_range(parts, Message("float32 takes {low:.2f} to {high:.2f} times as long as int8.")),
        limits=place.limits,
        missing=missing(there),
        origin=place.origin,
    )


def _most_of_all(evidence: RunEvidence, there: Sequence[str]) -> Part:
    """MobileNet gains, and more than each other one."""
    pairs = {a: (trained(a), quantized(a)) for a in there}
    more = tuple(kinds.gain(evidence, "latency", pairs[HERO], pairs[a], above=1.0) for a in there if a != HERO)
    return Part(Message("{name} (most of all)", {"name": name(HERO)}), (_speedup(evidence, HERO), *more))


def _speedup(evidence: RunEvidence, architecture: str) -> Test:
    return kinds.latency(evidence, trained(architecture), quantized(architecture), above=limits().strongly_times)


def quantized_memory(evidence: RunEvidence) -> Finding:
    """How much less the peak memory of the process grows with int8, in percent of float32."""
    there = [a for a in studied() if evidence.benched([trained(a), quantized(a)])]
    parts = [Part(name(a), (_memory_saved(evidence, a),)) for a in there]
    place, known = measured(evidence), limits()
    return Finding(
        tuple(parts),
        Message(
            "bootstrap over processes: two one-sided tests that the reduction is within {room} percentage points of {large} "
            "or {small} %, Holm",
            {
                "room": known.memory_about_points,
                "large": known.memory_large_percent,
                "small": known.memory_small_percent,
            },
        ),
        figures=_range(parts, Message("Memory falls by {low:.1f} to {high:.1f} percent."), 100),
        limits=place.limits,
        missing=missing(there),
        origin=place.origin,
    )


def _memory_saved(evidence: RunEvidence, architecture: str) -> Test:
    known, cells = limits(), (quantized(architecture), trained(architecture))
    wanted = known.memory_large_percent if architecture in SAVES_MOST else known.memory_small_percent
    above, below = ((wanted + sign * known.memory_about_points) / 100 for sign in (-1, 1))
    found, p, against = statistics.tested(
        lambda bound: statistics.rest(evidence.memory_ratio(*cells, 1 - bound)), above, below
    )
    quantity = Message("reduction of peak memory, percent")
    return Test(pair(*cells), quantity, found, above, below, p, against, records=evidence.benches(*cells), scale=100)


def quantized_classes(evidence: RunEvidence) -> Finding:
    """int8 against float32, class by class, with ties shared evenly: whoever breaks them decides which class gains."""
    found = unevenness(evidence, {a: [(quantized(a), trained(a))] for a in studied()})
    if all(evidence.ties_known(quantized(a)) for a in studied()):
        return found
    unknown = Message("This older run did not record ties, which went to the lower class: partly at best.")
    return replace(found, limits=(unknown,))


def _range(parts: Sequence[Part], said: Message, scale: float = 1.0) -> Message | None:
    values = [scale * part.tests[0].estimate.value for part in parts]
    return Message(said.key, spread_of(values)) if values else None
