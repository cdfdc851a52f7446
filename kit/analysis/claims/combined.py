"""Claims that compare MobileNet's losses with the others', and its smallest file."""

from __future__ import annotations

import numpy as np

from kit.analysis import replicates
from kit.analysis.claims.kinds import gzip_bytes
from kit.analysis.claims.limits import missing, weights_of
from kit.analysis.evidence import RunEvidence
from kit.analysis.finding import Finding, Part, Test, exact
from kit.analysis.naming import at, name, pair, studied, trained, versus
from kit.analysis.verdicts import Message
from kit.study.claims import limits
from kit.study.grid import Point

HERO = "mobilenet"


def mobilenet_prunes_best(evidence: RunEvidence) -> Finding:
    """Loss of top-1 by pruning alone: float32 cells of every sparsity, averaged."""
    return _loses_least(evidence, {(s, "float32") for s in evidence.sparsities})


def mobilenet_robust(evidence: RunEvidence) -> Finding:
    """Loss of top-1 over every compressed cell: pruned, quantized, and both."""
    points = {(s, p) for s in (0, *evidence.sparsities) for p in ("float32", "int8")}
    return _loses_least(evidence, points - {(0, "float32")})


def _loses_least(evidence: RunEvidence, points: set[tuple[int, str]]) -> Finding:
    """MobileNet's mean loss over points (sparsity, precision) against each other architecture's, image by image."""
    cells = {a: [at(a, *point) for point in sorted(points)] for a in studied()}
    there = [a for a, own in cells.items() if own and evidence.compared([trained(a), *own])]
    others = [a for a in there if a != HERO] if HERO in there else []
    losses = {a: float(np.mean([evidence.top1(trained(a)) - evidence.top1(cell) for cell in cells[a]])) for a in there}
    least = min(losses, key=losses.__getitem__, default="")
    return Finding(
        tuple(Part(versus(HERO, a), (_less(evidence, a, cells),)) for a in others),
        Message("paired z-test of the difference of mean losses on the same test images (one-sided), Holm"),
        figures=Message(
            "{name} has the smallest mean loss of top-1: {loss:.1f} percentage points.",
            {"name": name(least), "loss": 100 * losses[least]},
        )
        if least
        else None,
        missing=missing(there),
    )


def _less(evidence: RunEvidence, other: str, cells: dict[str, list[Point]]) -> Test:
    found = evidence.loss_difference(cells[HERO], cells[other])
    read = [trained(HERO), *cells[HERO], trained(other), *cells[other]]
    return Test(
        pair(at(HERO), at(other)),
        Message("mean loss of top-1 of the first minus that of the second, percentage points"),
        found,
        below=0.0,
        p=found.p_below,
        p_against=found.p_above,
        records=evidence.evaluations(*read),
        scale=100,
        over=replicates.loss(evidence, cells[HERO], cells[other]),
    )


def mobilenet_smallest(evidence: RunEvidence) -> Finding:
    """The gzipped int8 file at the highest sparsity. Exact."""
    cell = at(HERO, max(evidence.sparsities, default=0), "int8")
    if not cell.sparsity or not evidence.converted([cell]):
        return Finding((), Message("none"), missing=(name(HERO),))
    known = limits()
    test = about(evidence, cell, known.smallest_mb)
    return Finding(
        (Part(name(HERO), (test,)),),
        Message(
            "exact size, {size} MB give or take {percent} %", {"size": known.smallest_mb, "percent": known.smallest_percent}
        ),
        figures=Message("It is {size:.3f} MB.", {"size": test.estimate.value}),
        limits=weights_of(evidence),
    )


def about(evidence: RunEvidence, cell: Point, wanted_mb: float) -> Test:
    """A cell's gzipped file against a size that the study states."""
    room = limits().smallest_percent / 100
    return Test(
        cell.name,
        Message("gzipped size, MB"),
        exact(gzip_bytes(evidence, cell) / 1e6),
        above=wanted_mb * (1 - room),
        below=wanted_mb * (1 + room),
        records=evidence.conversions(cell),
    )
