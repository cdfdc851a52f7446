"""Is the published number one of ours? What one more training would give, and how often int8 collapses."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Protocol

from msgspec import Struct
from statsmodels.stats.proportion import proportion_confint

from kit.analysis import trainings
from kit.analysis.comparison import Comparison
from kit.analysis.counted import Quantity
from kit.analysis.digits import estimated
from kit.analysis.schema import Row
from kit.analysis.statistics import ALPHA
from kit.analysis.studied import theirs
from kit.analysis.verdicts import Message
from kit.study.claims import limits
from kit.study.grid import Point, named
from kit.study.preset import Preset

ACCURACIES: tuple[Quantity, ...] = ("top1", "top3", "train_top1")
NO_INTERVAL = Message("One training gives no interval for the next one.")


class OfOneSeed(Protocol):
    """A run of one seed, as far as it matters here."""

    @property
    def preset(self) -> Preset: ...
    @property
    def cells(self) -> tuple[Row, ...]: ...
    @property
    def comparisons(self) -> tuple[Comparison, ...]: ...


class Forecast(Struct, frozen=True):
    """A published accuracy of a cell, and where one more training is expected: the 95 % prediction interval by Student's t.

    `cell` is named without a seed. `values` are those of the n trainings, ties as the study counted them, from 0 to 1.
    `inside` is whether the published value could be one more of them; None if `note` says why it can't be told.
    """

    cell: str
    quantity: Quantity
    published: float
    n: int
    values: tuple[float, ...]
    mean: float | None
    low: float | None
    high: float | None
    inside: bool | None
    note: Message | None = None


class Collapse(Struct, frozen=True):
    """How many of n trainings of a cell collapse: int8 top-1 is more than `limit_points` below their own float32 file's.

    `low` to `high` is the 95 % interval of that frequency (C. J. Clopper and E. S. Pearson, Biometrika 26, 1934).
    `drops_points` has what each training loses, `published_points` what the study's lost, in percentage points.
    """

    cell: str
    limit_points: float
    n: int
    collapsed: int
    low: float
    high: float
    drops_points: tuple[float, ...]
    published_points: float | None
    published_collapsed: bool | None


def forecasts(runs: Sequence[OfOneSeed]) -> list[Forecast]:
    """One for each published accuracy that the runs, which differ in nothing but the seed, have."""
    found: dict[tuple[str, Quantity], list[Comparison]] = {}
    for run in runs:
        for row in run.comparisons:
            if row.quantity in ACCURACIES and row.own is not None:
                found.setdefault((named(row.cell).point.name, row.quantity), []).append(row)
    return [_forecast(cell, quantity, rows) for (cell, quantity), rows in found.items()]


def _forecast(cell: str, quantity: Quantity, rows: Sequence[Comparison]) -> Forecast:
    values = tuple(row.own for row in rows if row.own is not None)
    note = next((row.note for row in rows if row.note), None)
    ends = None if note else trainings.next_interval(values, trainings.PROPORTION)
    return Forecast(
        cell=cell,
        quantity=quantity,
        published=rows[0].published,
        n=len(values),
        values=values,
        mean=statistics.fmean(values),
        low=ends[0] if ends else None,
        high=ends[1] if ends else None,
        inside=ends[0] <= rows[0].published <= ends[1] if ends else None,
        note=note or (None if ends else NO_INTERVAL),
    )


def collapses(runs: Sequence[OfOneSeed]) -> list[Collapse]:
    """One for each int8 cell that collapsed in the study or in one of these runs, which differ in nothing but the seed."""
    drops: dict[Point, list[float]] = {}
    for run in runs:
        for point, drop in _drops(run.cells):
            drops.setdefault(point, []).append(drop)
    found = [_collapse(point, own, _published_drop(runs[0].preset, point)) for point, own in drops.items()]
    return [one for one in found if one.collapsed or one.published_collapsed]


def _drops(cells: Iterable[Row]) -> Iterable[tuple[Point, float]]:
    """What int8 loses to the float32 file of the same weights, in percentage points, by cell."""
    top1 = {named(row.cell): row.top1 for row in cells if row.top1 is not None}
    for cell, own in top1.items():
        base = top1.get(type(cell)(cell.architecture, cell.seed, cell.sparsity, "float32"))
        if cell.precision == "int8" and base is not None:
            yield cell.point, 100 * (base - own)


def _collapse(point: Point, drops: Sequence[float], lost: float | None) -> Collapse:
    limit = limits().collapse_points
    collapsed = sum(drop > limit for drop in drops)
    low, high = proportion_confint(collapsed, len(drops), alpha=ALPHA, method="beta")
    return Collapse(
        cell=point.name,
        limit_points=limit,
        n=len(drops),
        collapsed=collapsed,
        low=estimated(low),
        high=estimated(high),
        drops_points=tuple(drops),
        published_points=lost,
        published_collapsed=None if lost is None else lost > limit,
    )


def _published_drop(preset: Preset, point: Point) -> float | None:
    own, base = theirs(preset, point), theirs(preset, Point(point.architecture, point.sparsity, "float32"))
    return 100 * (base.top1 - own.top1) if own and base else None
