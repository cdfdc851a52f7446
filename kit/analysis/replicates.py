"""Claims' comparisons by training: for each decider's figure its value in every training of the run, as a contrast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from kit.analysis import statistics
from kit.analysis.contrasts import DIGITS, ByClass, Contrast, Group
from kit.analysis.evidence import RunEvidence
from kit.analysis.naming import pair, trained
from kit.study.grid import Point

Figure = Callable[[RunEvidence], float]


def change(evidence: RunEvidence, cell: Point, base: Point) -> Contrast | None:
    """Top-1 of `cell` minus that of `base`: paired by seed where both come from the same training."""
    family = f"{_kind(cell)} : {_kind(base)}"
    if cell.architecture == base.architecture:
        return _paired(evidence, family, pair(cell, base), [cell, base], lambda e: e.top1(cell) - e.top1(base))
    groups = [_group(evidence, one.name, [one], lambda e, one=one: e.top1(one)) for one in (cell, base)]  # type: ignore[misc]
    return _between(family, groups)


def gap(evidence: RunEvidence, cell: Point) -> Contrast | None:
    """Top-1 on training images minus top-1 on test images."""
    return _paired(evidence, "gap", cell.name, [cell], lambda e: e.train_top1(cell) - e.top1(cell))


def loss(evidence: RunEvidence, first: Sequence[Point], second: Sequence[Point]) -> Contrast | None:
    """Mean loss of top-1 of the cells `first` to their trained network minus that of `second`, each within a training."""

    def of(cells: Sequence[Point]) -> Group:
        base = trained(cells[0].architecture)
        own = lambda e: e.top1(base) - fmean(e.top1(cell) for cell in cells)  # noqa: E731
        return _group(evidence, base.architecture, [base, *cells], own)

    return _between("loss", [of(first), of(second)])


def classes(evidence: RunEvidence, cell: Point, base: Point) -> ByClass | None:
    """The change of each class in each training."""
    there = [e for e in evidence.each if e.predicted([cell, base])]
    found = [statistics.by_class(e.shift(cell, base), e.labels(cell)) for e in there]
    return ByClass(tuple(tuple(float(value) for value in own) for own in found)) if found else None


def _kind(cell: Point) -> str:
    """The cell without its network."""
    return cell.name.partition("/")[2]


def _paired(evidence: RunEvidence, family: str, key: str, cells: Sequence[Point], figure: Figure) -> Contrast | None:
    own = _group(evidence, key, cells, figure)
    return Contrast(family, own) if own.values else None


def _between(family: str, groups: Sequence[Group]) -> Contrast | None:
    return Contrast(family, *groups) if all(group.values for group in groups) else None


def _group(evidence: RunEvidence, key: str, cells: Sequence[Point], figure: Figure) -> Group:
    return Group(key, tuple(round(figure(e), DIGITS) for e in evidence.each if e.evaluated(cells)))
