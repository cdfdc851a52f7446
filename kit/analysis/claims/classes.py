"""Whether compression hits the classes unevenly, for pruning and quantization alike."""

from __future__ import annotations

from kit.analysis import replicates, statistics
from kit.analysis.claims.limits import missing
from kit.analysis.evidence import RunEvidence
from kit.analysis.finding import Finding, Part, Test
from kit.analysis.naming import name, pair, spread_of
from kit.analysis.statistics import Estimate
from kit.analysis.verdicts import Message
from kit.study.claims import limits
from kit.study.grid import Point


def unevenness(evidence: RunEvidence, pairs: dict[str, list[tuple[Point, Point]]]) -> Finding:
    """For each architecture its cells with what each is compared with; one uneven cell is enough for an architecture."""
    there = {a: [own for own in cells if evidence.predicted(own)] for a, cells in pairs.items()}
    parts = [Part(name(a), tuple(_range(evidence, *own) for own in cells), "any") for a, cells in there.items() if cells]
    ranges = [100 * test.estimate.value for part in parts for test in part.tests]
    return Finding(
        tuple(parts),
        Message(
            "Brown and Forsythe's test of equal mean change over the classes, ties shared evenly, range at least {points} "
            "percentage points; against it, equivalence of each two classes; Holm",
            {"points": limits().class_points},
        ),
        figures=Message(
            "Best and worst class are {low:.1f} to {high:.1f} percentage points apart in their change.", spread_of(ranges)
        )
        if ranges
        else None,
        missing=missing(a for a, cells in there.items() if cells),
    )


def _range(evidence: RunEvidence, cell: Point, base: Point) -> Test:
    change, labels = evidence.shift(cell, base), evidence.labels(cell)
    classes = statistics.by_class(change, labels)
    value, least = float(classes.max() - classes.min()), limits().class_points / 100
    nan = float("nan")
    return Test(
        pair(cell, base),
        Message("change of top-1, range over the classes, percentage points"),
        Estimate(value, nan, nan, len(change), 0.0, 0.0),
        above=least,
        p=statistics.uneven(change, labels),
        p_against=statistics.even(change, labels, least),
        records=evidence.evaluations(cell, base),
        scale=100,
        over=replicates.classes(evidence, cell, base),
    )
