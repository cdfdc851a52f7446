"""Claims about pruning: each sparsity against the trained, unpruned network."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

from kit.report import inference
from kit.report.claims.classes import unevenness
from kit.report.claims.places import measured, missing, weights_of
from kit.report.ground import POINTS, Ground, name, pair, spread_of, studied, trained
from kit.report.inference import Array
from kit.report.verdict import Message
from kit.report.weigh import Finding, Part, Test, exact
from kit.study.cells import Cell

NO_CHANGE = 0.10  # of latency and memory: far below what quantization does, above what one process differs from the next
NO_CHANGE_OF_FILE = 0.01  # a file's description may vary by some bytes, its weights may not
SMALLER = 0.01  # of the gzipped file, from one sparsity to the next: less would be no use
PRECISIONS = ("float32", "int8")


def pruned_accuracy(ground: Ground) -> Finding:
    """float32 cells: the step from one sparsity to the next must not be up, and the whole way must be down.

    A step is not up as long as the test images do not show that it is; the whole way is down only if they show that.
    """
    there = [a for a in studied() if ground.sparsities and ground.predicted(_series(ground, a, "float32"))]
    parts = [Part(name(a), tuple(_falls(ground, _series(ground, a, "float32")))) for a in there]
    falls = [100 * part.tests[0].estimate.value for part in parts]
    return Finding(
        tuple(parts),
        Message(
            "McNemar's test on the same test images for the whole way and for each step (one-sided), Holm; interval: Tango"
        ),
        figures=Message(
            "From unpruned to the highest sparsity top-1 changes by {low:+.1f} to {high:+.1f} percentage points.",
            spread_of(falls),
        )
        if falls
        else None,
        missing=missing(there),
    )


def _series(ground: Ground, architecture: str, precision: str) -> list[Cell]:
    """The cells from unpruned to the highest sparsity."""
    return [Cell(architecture, sparsity, precision) for sparsity in (0, *ground.sparsities)]


def _falls(ground: Ground, cells: list[Cell]) -> Iterable[Test]:
    yield _fall(ground, cells[-1], cells[0], whole=True)
    if len(cells) > 2:
        yield from (_fall(ground, later, earlier, whole=False) for earlier, later in pairwise(cells))


def _fall(ground: Ground, later: Cell, earlier: Cell, whole: bool) -> Test:
    found = inference.paired(ground.right(earlier), ground.right(later))
    return Test(
        pair(later, earlier),
        POINTS,
        found,
        found.p_below if whole else None,
        found.p_above,
        presumed=not whole,
        records=ground.evaluations(later, earlier),
        scale=100,
    )


def pruned_costs(ground: Ground) -> Finding:
    """Every pruned cell over the unpruned one of the same precision: file size exactly, latency and memory as equivalent."""
    pairs = [
        (Cell(a, sparsity, precision), Cell(a, 0, precision))
        for a in studied()
        for precision in PRECISIONS
        for sparsity in ground.sparsities
    ]
    files = [_same_file(ground, *own) for own in pairs if ground.converted(own)]
    timed = [own for own in pairs if ground.benched(own)]
    latency = [_same(ground, own, "latency", ground.times) for own in timed]
    memory = [_same(ground, own, "memory", ground.memory) for own in timed]
    named = ((Message("file size"), files), (Message("latency"), latency), (Message("memory"), memory))
    place = measured(ground) if timed else None
    unmeasured = Message("Latency and memory were not measured: partly at best.")
    return Finding(
        tuple(Part(title, tuple(tests)) for title, tests in named if tests),
        Message(
            "two one-sided bootstrap tests of the ratio within 10 % of 1 (latency, memory), Holm; file sizes exact, 1 %"
        ),
        limits=place.limits if place else (unmeasured,),
        missing=missing({cell.architecture for cell, base in pairs if ground.converted((cell, base))}),
        origin=place.origin if place else "",
    )


def _same_file(ground: Ground, cell: Cell, base: Cell) -> Test:
    ratio = (ground.results[cell].size_bytes or 0) / (ground.results[base].size_bytes or 1)
    return Test(
        pair(cell, base),
        Message("file size, ratio"),
        exact(ratio),
        holds=abs(ratio - 1) <= NO_CHANGE_OF_FILE,
        records=ground.conversions(cell, base),
    )


def _same(ground: Ground, own: tuple[Cell, Cell], what: str, of: Callable[[Cell], tuple[float, Array]]) -> Test:
    benches = [bench for bench in map(ground.latency, own) if bench]
    n = sum(bench.spread.n if what == "latency" else bench.memory_bytes.n for bench in benches)
    found, p, against = inference.within(of(own[0]), of(own[1]), n, 1 - NO_CHANGE, 1 + NO_CHANGE)
    quantity = Message("latency, ratio") if what == "latency" else Message("memory, ratio")
    return Test(pair(*own), quantity, found, p, against, records=ground.benches(*own))


def pruned_gzip(ground: Ground) -> Finding:
    """The gzipped file of each sparsity over that of the sparsity before. Exact."""
    there = {
        a: [_series(ground, a, p) for p in PRECISIONS if ground.converted(_series(ground, a, p))]
        for a in studied()
        if ground.sparsities
    }
    parts = [
        Part(name(a), tuple(_smaller(ground, *own) for cells in series for own in pairwise(cells)))
        for a, series in there.items()
        if series
    ]
    ratios = [_gzip(ground, cells[-1]) / _gzip(ground, cells[0]) for series in there.values() for cells in series]
    return Finding(
        tuple(parts),
        Message("exact ratio of gzipped sizes, at most 0.99 at each step"),
        figures=Message(
            "At the highest sparsity the gzipped file has {low:.2f} to {high:.2f} of the unpruned one's size.",
            spread_of(ratios),
        )
        if ratios
        else None,
        limits=weights_of(ground),
        missing=missing(a for a, series in there.items() if series),
    )


def _smaller(ground: Ground, earlier: Cell, later: Cell) -> Test:
    ratio = _gzip(ground, later) / _gzip(ground, earlier)
    return Test(
        pair(later, earlier),
        Message("gzipped size, ratio"),
        exact(ratio),
        holds=ratio <= 1 - SMALLER,
        records=ground.conversions(later, earlier),
    )


def _gzip(ground: Ground, cell: Cell) -> int:
    return ground.results[cell].gzip_bytes or 0


def pruned_classes(ground: Ground) -> Finding:
    """Each pruned float32 cell against the unpruned one, class by class."""
    pruned = {a: [(Cell(a, s, "float32"), trained(a)) for s in ground.sparsities] for a in studied()}
    return unevenness(ground, pruned)
