"""Claims about pruning: each sparsity against the trained, unpruned network."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from kit.analysis.claims import kinds
from kit.analysis.claims.classes import unevenness
from kit.analysis.claims.limits import measured, missing, weights_of
from kit.analysis.evidence import RunEvidence
from kit.analysis.finding import Finding, Part, Test
from kit.analysis.naming import at, name, spread_of, studied, trained
from kit.analysis.verdicts import Message
from kit.study.claims import limits
from kit.study.grid import Point

PRECISIONS = ("float32", "int8")


def pruned_accuracy(evidence: RunEvidence) -> Finding:
    """float32 cells: the whole way must be down, and from the lowest pruned sparsity on no step may be up.

    A step is not up as long as the test images do not show that it is; the whole way is down only if they show that. The
    first step, from unpruned, is not judged: pruning also trains the network further, and in the study all networks gain by
    it.
    """
    there = [a for a in studied() if evidence.sparsities and evidence.compared(_series(evidence, a, "float32"))]
    parts = [Part(name(a), tuple(_falls(evidence, _series(evidence, a, "float32")))) for a in there]
    falls = [100 * part.tests[0].estimate.value for part in parts]
    return Finding(
        tuple(parts),
        Message(
            "McNemar's test on the same test images for the whole way and for each step (one-sided), Holm; interval: Tango"
        ),
        figures=Message(
            "From unpruned to the highest sparsity top-1 changes by {low:+z.1f} to {high:+z.1f} percentage points.",
            spread_of(falls),
        )
        if falls
        else None,
        missing=missing(there),
    )


def _series(evidence: RunEvidence, architecture: str, precision: str) -> list[Point]:
    """The cells from unpruned to the highest sparsity."""
    return [at(architecture, sparsity, precision) for sparsity in (0, *evidence.sparsities)]


def _falls(evidence: RunEvidence, cells: list[Point]) -> Iterable[Test]:
    yield kinds.accuracy(evidence, cells[-1], cells[0], below=0.0)
    for earlier, later in pairwise(cells[1:]):
        yield kinds.accuracy(evidence, later, earlier, below=0.0, presumed=True)


def pruned_costs(evidence: RunEvidence) -> Finding:
    """Every pruned cell over the unpruned one of the same precision: file size exactly, latency and memory as equivalent."""
    pairs = [(at(a, s, p), at(a, 0, p)) for a in studied() for p in PRECISIONS for s in evidence.sparsities]
    files = [_same_file(evidence, *own) for own in pairs if evidence.converted(own)]
    timed = [own for own in pairs if evidence.benched(own)]
    room = limits().same_percent / 100
    latency = [kinds.latency(evidence, *own, above=1 - room, below=1 + room) for own in timed]
    memory = [kinds.memory(evidence, *own, above=1 - room, below=1 + room) for own in timed]
    named = ((Message("file size"), files), (Message("latency"), latency), (Message("memory"), memory))
    place = measured(evidence) if timed else None
    unmeasured = Message("Latency and memory were not measured: partly at best.")
    return Finding(
        tuple(Part(title, tuple(tests)) for title, tests in named if tests),
        Message(
            "two one-sided bootstrap tests of the ratio within {percent} % of 1 (latency, memory), Holm; file sizes exact, "
            "{file} %",
            {"percent": limits().same_percent, "file": limits().same_file_percent},
        ),
        limits=place.limits if place else (unmeasured,),
        missing=missing({cell.architecture for cell, base in pairs if evidence.converted((cell, base))}),
        origin=place.origin if place else "",
    )


def _same_file(evidence: RunEvidence, cell: Point, base: Point) -> Test:
    room, sizes = limits().same_file_percent / 100, (kinds.file_bytes, kinds.file_bytes)
    return kinds.size(evidence, cell, base, Message("file size, ratio"), sizes, above=1 - room, below=1 + room)


def pruned_gzip(evidence: RunEvidence) -> Finding:
    """The gzipped file of each sparsity over that of the sparsity before. Exact."""
    there = {
        a: [_series(evidence, a, p) for p in PRECISIONS if evidence.converted(_series(evidence, a, p))]
        for a in studied()
        if evidence.sparsities
    }
    parts = [
        Part(name(a), tuple(_smaller(evidence, later, earlier) for cells in series for earlier, later in pairwise(cells)))
        for a, series in there.items()
        if series
    ]
    ratios = [
        kinds.gzip_bytes(evidence, cells[-1]) / kinds.gzip_bytes(evidence, cells[0])
        for series in there.values()
        for cells in series
    ]
    return Finding(
        tuple(parts),
        Message(
            "exact ratio of gzipped sizes, at least {percent} % smaller at each step", {"percent": limits().smaller_percent}
        ),
        figures=Message(
            "At the highest sparsity the gzipped file has {low:.2f} to {high:.2f} of the unpruned one's size.",
            spread_of(ratios),
        )
        if ratios
        else None,
        limits=weights_of(evidence),
        missing=missing(a for a, series in there.items() if series),
    )


def _smaller(evidence: RunEvidence, later: Point, earlier: Point) -> Test:
    sizes = (kinds.gzip_bytes, kinds.gzip_bytes)
    below = 1 - limits().smaller_percent / 100
    return kinds.size(evidence, later, earlier, Message("gzipped size, ratio"), sizes, below=below)


def pruned_classes(evidence: RunEvidence) -> Finding:
    """Each pruned float32 cell against the unpruned one, class by class."""
    return unevenness(evidence, {a: [(at(a, s), trained(a)) for s in evidence.sparsities] for a in studied()})
