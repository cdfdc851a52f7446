"""Claims that only the thesis makes, about MobileNetV3 against its minimalistic variants."""

from __future__ import annotations

from collections.abc import Callable

from kit.analysis import replicates
from kit.analysis.claims import kinds
from kit.analysis.claims.combined import about
from kit.analysis.claims.kinds import gzip_bytes
from kit.analysis.claims.limits import measured, weights_of
from kit.analysis.evidence import RunEvidence
from kit.analysis.finding import Finding, Part, Test
from kit.analysis.naming import at, name, names, pair, quantized, trained, versus
from kit.analysis.verdicts import Message
from kit.study.claims import limits
from kit.study.grid import Point
from kit.study.published import published

VARIANTS = {
    "mobilenet_v3_large_minimalistic": "mobilenet_v3_large",
    "mobilenet_v3_small_minimalistic": "mobilenet_v3_small",
}


def minimalistic_faster(evidence: RunEvidence) -> Finding:
    """The latency of the minimalistic network's trained float32 file over the other variant's."""
    below = limits().faster_percent / 100
    there, gone = _benched(evidence, trained)
    parts = [
        Part(name(own), (kinds.latency(evidence, trained(own), trained(other), below=below),))
        for own, other in there.items()
    ]
    test = Message("hierarchical bootstrap of the latency ratio against {ratio}, Holm", {"ratio": below})
    return _measured(evidence, parts, test, gone)


def minimalistic_int8(evidence: RunEvidence) -> Finding:
    """What int8 leaves of float32's latency and memory, of the minimalistic network over the other variant."""
    there, gone = _benched(evidence, trained, quantized)
    parts = []
    for own, other in there.items():
        pairs = (quantized(own), trained(own)), (quantized(other), trained(other))
        latency = kinds.gain(evidence, "latency", *pairs, below=1.0)
        parts.append(Part(name(own), (latency, kinds.gain(evidence, "memory", *pairs, above=1.0))))
    return _measured(evidence, parts, Message("hierarchical bootstrap of ratios against 1, Holm"), gone)


def _benched(evidence: RunEvidence, *cells: Callable[[str], Point]) -> tuple[dict[str, str], list[str]]:
    """The pairs of networks of which each of the `cells` was measured, and the names of the networks that lack one."""
    lacking = [a for pair in VARIANTS.items() for a in pair if not evidence.benched([of(a) for of in cells])]
    return {own: other for own, other in VARIANTS.items() if not {own, other} & {*lacking}}, names(lacking)


def _measured(evidence: RunEvidence, parts: list[Part], test: Message, gone: list[str]) -> Finding:
    place = measured(evidence)
    return Finding(tuple(parts), test, limits=place.limits, missing=tuple(gone), origin=place.origin)


def minimalistic_prunes_worse(evidence: RunEvidence) -> Finding:
    """Loss of top-1 from unpruned to the highest sparsity, of the minimalistic network minus that of the other variant."""
    top = max(evidence.sparsities, default=0)
    there = {
        own: other
        for own, other in VARIANTS.items()
        if top and evidence.compared([cell for a in (own, other) for cell in (trained(a), at(a, top))])
    }
    gone = names(a for pairs in VARIANTS.items() for a in pairs if a not in there and a not in there.values())
    return Finding(
        tuple(Part(versus(own, other), (_loses_more(evidence, own, other, top),)) for own, other in there.items()),
        Message("paired z-test of the difference of losses on the same test images (one-sided), Holm"),
        missing=tuple(gone),
    )


def _loses_more(evidence: RunEvidence, own: str, other: str, top: int) -> Test:
    found = evidence.loss_difference([at(own, top)], [at(other, top)])
    return Test(
        pair(at(own, top), at(other, top)),
        Message("loss of top-1 of the first minus that of the second, percentage points"),
        found,
        above=0.0,
        p=found.p_above,
        p_against=found.p_below,
        records=evidence.evaluations(trained(own), at(own, top), trained(other), at(other, top)),
        scale=100,
        over=replicates.loss(evidence, [at(own, top)], [at(other, top)]),
    )


def smallest_of_all(evidence: RunEvidence) -> Finding:
    """The minimalistic MobileNetV3 Small's gzipped int8 file at the highest sparsity, and each other network's over it."""
    top, one = max(evidence.sparsities, default=0), "mobilenet_v3_small_minimalistic"
    own = at(one, top, "int8")
    if not top or not evidence.converted([own]):
        return Finding((), Message("none"), missing=(name(one),))
    others = [at(a, top, "int8") for a in published().measured if a != one]
    there = [cell for cell in others if evidence.converted([cell])]
    sizes = (gzip_bytes, gzip_bytes)
    smaller = (kinds.size(evidence, cell, own, Message("gzipped size, ratio"), sizes, above=1.0) for cell in there)
    test = about(evidence, own, limits().smallest_of_all_mb)
    return Finding(
        (Part(name(one), (test, *smaller)),),
        Message("exact sizes"),
        figures=Message("It is {size:.3f} MB.", {"size": test.estimate.value}),
        limits=weights_of(evidence),
        missing=tuple(names(cell.architecture for cell in others if cell not in there)),
    )
