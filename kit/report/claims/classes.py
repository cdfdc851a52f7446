"""Whether compression hits the classes unevenly, for pruning and quantization alike."""

from __future__ import annotations

from kit.report import inference
from kit.report.claims.places import missing
from kit.report.ground import Ground, name, pair, spread_of
from kit.report.inference import Estimate
from kit.report.verdict import Message
from kit.report.weigh import Finding, Part, Test
from kit.study.cells import Cell

SMALLEST_RANGE = 0.02  # of top-1 between the best and the worst class: less would bother nobody, however sure it is


def unevenness(ground: Ground, pairs: dict[str, list[tuple[Cell, Cell]]]) -> Finding:
    """For each architecture its cells with what each is compared with; one uneven cell is enough for an architecture."""
    there = {a: [own for own in cells if ground.predicted(own)] for a, cells in pairs.items()}
    parts = [Part(name(a), tuple(_range(ground, *own) for own in cells), "any") for a, cells in there.items() if cells]
    ranges = [100 * test.estimate.value for part in parts for test in part.tests]
    return Finding(
        tuple(parts),
        Message("Brown and Forsythe's test of equal mean change over the classes, range at least 2 percentage points, Holm"),
        figures=Message(
            "Best and worst class are {low:.1f} to {high:.1f} percentage points apart in their change.", spread_of(ranges)
        )
        if ranges
        else None,
        missing=missing(a for a, cells in there.items() if cells),
    )


def _range(ground: Ground, cell: Cell, base: Cell) -> Test:
    change, labels = ground.change(cell, base), ground.labels(cell)
    classes = inference.by_class(change, labels)
    value = float(classes.max() - classes.min())
    nan = float("nan")
    return Test(
        pair(cell, base),
        Message("change of top-1, range over the classes, percentage points"),
        Estimate(value, nan, nan, len(change), 0.0, 0.0),
        inference.uneven(change, labels),
        holds=False if value < SMALLEST_RANGE else None,
        records=ground.evaluations(cell, base),
        scale=100,
    )
