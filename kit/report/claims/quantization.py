"""Claims about quantization: int8 against float32, both of the trained, unpruned network."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kit.report import inference
from kit.report.claims.classes import unevenness
from kit.report.claims.places import measured, missing, superlative
from kit.report.ground import POINTS, V3, Ground, name, pair, quantized, spread_of, studied, trained
from kit.report.inference import Estimate
from kit.report.verdict import Message
from kit.report.weigh import Finding, Part, Test, exact
from kit.study.cells import Cell
from kit.study.published import Figures, published

SHRINKS = (3.1 * 0.95, 3.6 * 1.05)  # the study's range; 5 %, as the converter has changed since 2021
LITTLE_ACCURACY = 0.02  # of top-1; the study calls its loss of 0.005 little, and 0.034 of MobileNetV3 Small an exception
STRONGLY = 1.25  # a fifth of the time saved; the study's smallest ratio is 1.35
MEMORY_KEPT = (0.30, 0.65)  # of the float32 file's: the study's "about 40 to 60 %" less are 38 to 66 % in its table


def quantized_files(ground: Ground) -> Finding:
    """Size of the float32 file over size of the int8 file. Exact."""
    there = [a for a in studied() if ground.converted([trained(a), quantized(a)])]
    parts = [Part(name(a), (_file_ratio(ground, a),)) for a in there]
    return Finding(
        tuple(parts),
        Message("exact ratio of file sizes, within 3.1 to 3.6 give or take 5 %"),
        figures=_range(parts, Message("The files shrink {low:.2f} to {high:.2f} times.")),
        missing=missing(there),
    )


def _file_ratio(ground: Ground, architecture: str) -> Test:
    cells = trained(architecture), quantized(architecture)
    sizes = [ground.results[cell].size_bytes or 0 for cell in cells]
    ratio = sizes[0] / sizes[1]
    return Test(
        pair(*cells),
        Message("file size, ratio"),
        exact(ratio),
        holds=SHRINKS[0] <= ratio <= SHRINKS[1],
        published=_published(architecture, lambda before, after: before.file_mb / after.file_mb),
        records=ground.conversions(*cells),
    )


def quantized_accuracy(ground: Ground) -> Finding:
    """Change of top-1 on the same test images: shown to cost less than the margin; for MobileNetV3 shown to cost more."""
    there = [a for a in studied() if ground.predicted([trained(a), quantized(a)])]
    parts = [Part(_expectation(a), (_loss(ground, a),)) for a in there]
    return Finding(
        tuple(parts),
        Message("Tango's score test of the paired change against a margin of 2 percentage points (one-sided), Holm"),
        figures=_range(parts, Message("Top-1 changes by {low:+.2f} to {high:+.2f} percentage points."), 100),
        missing=missing(there),
    )


def _expectation(architecture: str) -> Message:
    if architecture in V3:
        return Message("{name} (loses)", {"name": name(architecture)})
    return Message("{name} (loses little)", {"name": name(architecture)})


def _loss(ground: Ground, architecture: str) -> Test:
    cells = trained(architecture), quantized(architecture)
    found = inference.paired(ground.right(cells[0]), ground.right(cells[1]), -LITTLE_ACCURACY)
    p_values = (found.p_above, found.p_below) if architecture not in V3 else (found.p_below, found.p_above)
    return Test(
        pair(cells[1], cells[0]),
        POINTS,
        found,
        *p_values,
        published=_published(architecture, lambda before, after: 100 * (after.top1 - before.top1)),
        records=ground.evaluations(*cells),
        scale=100,
    )


def quantized_latency(ground: Ground) -> Finding:
    """Latency of float32 over int8: above the bound for each, and highest for MobileNet."""
    there = [a for a in studied() if ground.benched([trained(a), quantized(a)])]
    parts = [_most_of_all(ground, there) if a == "mobilenet" else Part(name(a), (_speedup(ground, a),)) for a in there]
    place = measured(ground)
    limits = superlative(there) + place.limits
    return Finding(
        tuple(parts),
        Message("hierarchical bootstrap of latency ratios against 1.25, and of their ratios against 1, Holm"),
        figures=_range(parts, Message("float32 takes {low:.2f} to {high:.2f} times as long as int8.")),
        limits=limits,
        missing=missing(there),
        origin=place.origin,
    )


def _most_of_all(ground: Ground, there: Sequence[str]) -> Part:
    """MobileNet gains, and more than each other one."""
    more = tuple(_faster_than(ground, other) for other in there if other != "mobilenet")
    return Part(Message("{name} (most of all)", {"name": name("mobilenet")}), (_speedup(ground, "mobilenet"), *more))


def _speedup(ground: Ground, architecture: str) -> Test:
    cells = trained(architecture), quantized(architecture)
    found = inference.ratio(ground.times(cells[0]), ground.times(cells[1]), ground.inferences(*cells), STRONGLY)
    return Test(
        pair(*cells),
        Message("latency, ratio"),
        found,
        found.p_above,
        found.p_below,
        published=_published(architecture, lambda before, after: before.latency_us / after.latency_us),
        records=ground.benches(*cells),
    )


def _faster_than(ground: Ground, other: str) -> Test:
    """MobileNet's ratio over another one's."""
    cells = [cell(a) for a in ("mobilenet", other) for cell in (trained, quantized)]
    times = [ground.times(cell) for cell in cells]
    gains = [(a[0] / b[0], a[1] / b[1]) for a, b in ((times[0], times[1]), (times[2], times[3]))]
    found = inference.ratio(gains[0], gains[1], ground.inferences(*cells))
    return Test(
        pair(Cell("mobilenet", 0), Cell(other, 0)),
        Message("latency ratio of the first over that of the second"),
        found,
        found.p_above,
        found.p_below,
        records=ground.benches(*cells),
    )


def quantized_memory(ground: Ground) -> Finding:
    """How much less the peak memory of the process grows with int8, in percent of float32."""
    there = [a for a in studied() if ground.benched([trained(a), quantized(a)])]
    parts = [Part(name(a), (_memory_saved(ground, a),)) for a in there]
    place = measured(ground)
    return Finding(
        tuple(parts),
        Message("bootstrap over processes: two one-sided tests that the reduction is within 35 to 70 %, Holm"),
        figures=_range(parts, Message("Memory falls by {low:.1f} to {high:.1f} percent.")),
        limits=place.limits,
        missing=missing(there),
        origin=place.origin,
    )


def _memory_saved(ground: Ground, architecture: str) -> Test:
    cells = trained(architecture), quantized(architecture)
    figures = ground.memory(cells[1]), ground.memory(cells[0])
    n = sum(bench.memory_bytes.n for bench in map(ground.latency, cells) if bench)
    found, p, against = inference.within(*figures, n, *MEMORY_KEPT)
    saved = Estimate(100 * (1 - found.value), 100 * (1 - found.high), 100 * (1 - found.low), n, 0.0, 0.0)
    return Test(
        pair(cells[1], cells[0]),
        Message("reduction of peak memory, percent"),
        saved,
        p,
        against,
        published=_published(architecture, lambda before, after: 100 * (1 - after.memory_mib / before.memory_mib)),
        records=ground.benches(*cells),
    )


def quantized_classes(ground: Ground) -> Finding:
    """int8 against float32, class by class."""
    return unevenness(ground, {a: [(quantized(a), trained(a))] for a in studied()})


def _published(architecture: str, of: Callable[[Figures, Figures], float]) -> float:
    return of(published().trained[architecture], published().quantized[architecture])


def _range(parts: Sequence[Part], said: Message, scale: float = 1.0) -> Message | None:
    values = [scale * part.tests[0].estimate.value for part in parts]
    return Message(said.key, spread_of(values)) if values else None
