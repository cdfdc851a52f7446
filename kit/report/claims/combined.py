"""Claims that compare MobileNet's losses with the others', and its smallest file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kit.report import inference
from kit.report.claims.places import missing, superlative, weights_of
from kit.report.ground import Ground, name, pair, studied, trained, versus
from kit.report.inference import Array
from kit.report.verdict import Message
from kit.report.weigh import Finding, Part, Test, exact
from kit.study.cells import Cell

SMALLEST_MB = 0.9
# The study gives one digit (0.85 to 0.95), and int8 files of today's converter differ by 3 to 6 %.
SMALLEST_TOLERANCE = 0.1
HERO = "mobilenet"


def mobilenet_prunes_best(ground: Ground) -> Finding:
    """Loss of top-1 by pruning alone: float32 cells of every sparsity, averaged."""
    return _loses_least(ground, {(s, "float32") for s in ground.sparsities})


def mobilenet_robust(ground: Ground) -> Finding:
    """Loss of top-1 over every compressed cell: pruned, quantized, and both."""
    points = {(s, p) for s in (0, *ground.sparsities) for p in ("float32", "int8")}
    return _loses_least(ground, points - {(0, "float32")})


def _loses_least(ground: Ground, points: set[tuple[int, str]]) -> Finding:
    """MobileNet's mean loss over points (sparsity, precision) against each other architecture's, image by image."""
    cells = {a: [Cell(a, *point) for point in sorted(points)] for a in studied()}
    there = [a for a, own in cells.items() if own and ground.predicted([trained(a), *own])]
    others = [a for a in there if a != HERO] if HERO in there else []
    losses = {a: _losses(ground, cells[a]) for a in there}
    least = min(losses, key=lambda a: float(losses[a].mean()), default="")
    return Finding(
        tuple(Part(versus(HERO, a), (_less(ground, a, losses, cells),)) for a in others),
        Message("paired z-test of the difference of mean losses on the same test images (one-sided), Holm"),
        figures=Message(
            "{name} has the smallest mean loss of top-1: {loss:.1f} percentage points.",
            {"name": name(least), "loss": 100 * float(losses[least].mean())},
        )
        if least
        else None,
        limits=superlative(there),
        missing=missing(there),
    )


def _losses(ground: Ground, cells: Sequence[Cell]) -> Array:
    """For each test image the mean loss over cells: 1 where only the base is right, -1 where only a cell is."""
    base = trained(cells[0].architecture)
    losses: Array = -np.mean([ground.change(cell, base) for cell in cells], axis=0, dtype=np.float64)
    return losses


def _less(ground: Ground, other: str, losses: dict[str, Array], cells: dict[str, list[Cell]]) -> Test:
    found = inference.mean(losses[HERO] - losses[other])
    read = [trained(HERO), *cells[HERO], trained(other), *cells[other]]
    return Test(
        pair(Cell(HERO, 0), Cell(other, 0)),
        Message("mean loss of top-1 of the first minus that of the second, percentage points"),
        found,
        found.p_below,
        found.p_above,
        records=ground.evaluations(*read),
        scale=100,
    )


def mobilenet_smallest(ground: Ground) -> Finding:
    """The gzipped int8 file at the highest sparsity. Exact."""
    cell = Cell(HERO, max(ground.sparsities, default=0), "int8")
    if not cell.sparsity or not ground.converted([cell]):
        return Finding((), Message("none"), missing=(name(HERO),))
    size_mb = (ground.results[cell].gzip_bytes or 0) / 1e6
    return Finding(
        (
            Part(
                name(HERO),
                (
                    Test(
                        cell.name,
                        Message("gzipped size, MB"),
                        exact(size_mb),
                        holds=abs(size_mb - SMALLEST_MB) <= SMALLEST_TOLERANCE * SMALLEST_MB,
                        published=SMALLEST_MB,
                        records=ground.conversions(cell),
                    ),
                ),
            ),
        ),
        Message("exact size, 0.9 MB give or take 10 %"),
        figures=Message("It is {size:.3f} MB.", {"size": size_mb}),
        limits=weights_of(ground),
    )
