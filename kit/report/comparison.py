"""Each published number beside the run's own: deviation, and whether the two agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from kit.records.statistics import wilson
from kit.report import inference
from kit.report.ground import STUDIED_DATASET, Ground
from kit.report.inference import ALPHA, Estimate, ratio
from kit.report.results import Latency, Result, is_pi_4
from kit.report.verdict import Message
from kit.study.cells import Cell
from kit.study.published import Figures, published

FILE_TOLERANCE = 0.05  # the converter of today describes the same network in fewer bytes than that of 2021
DEVICE_TOLERANCE = 0.10  # another operating system and another build of the interpreter on the same board
_MIB = 2**20

Quantity = Literal["parameters_millions", "top1", "top3", "file_mb", "memory_mib", "latency_us"]


class Comparison(Struct, frozen=True):
    """One published number of a cell. Its unit is in the quantity's name; `deviation` is own minus published.

    Intervals are at 95 %: Wilson's for accuracies, the study's too; the bootstrap's for times and memory. `agrees` is None
    where the two cannot be compared, and `note` says why. `p` is adjusted (Holm) over all accuracies of the run. That an
    accuracy agrees means that the choice of test images explains the deviation; how much training differs from seed to
    seed is not in it. `relative` is the deviation over the published number.
    """

    cell: str
    quantity: Quantity
    published: float
    published_low: float | None
    published_high: float | None
    own: float | None
    low: float | None
    high: float | None
    n: int | None
    deviation: float | None
    relative: float | None
    agrees: bool | None
    p: float | None
    test: Message
    note: Message | None = None
    records: tuple[str, ...] = ()


class _Own(Struct, frozen=True):
    """The run's own figure, and what is known before p-values are adjusted."""

    cell: Cell
    quantity: Quantity
    published: float
    test: Message
    estimate: Estimate | None = None
    agrees: bool | None = None
    p: float | None = None
    note: Message | None = None
    records: tuple[str, ...] = ()


def compare(ground: Ground) -> list[Comparison]:
    """A row for each published number of the cells that the run's preset has."""
    rows = [row for cell in ground.results for row in _of_cell(ground, cell)]
    adjusted = iter(inference.holm([row.p for row in rows if row.p is not None]))
    return [_finished(row, None if row.p is None else next(adjusted)) for row in rows]


def _of_cell(ground: Ground, cell: Cell) -> Iterator[_Own]:
    figures = published().of(cell)
    if figures is None:
        return
    result = ground.results[cell]
    yield _parameters(ground, result, figures)
    yield _accuracy(ground, result, "top1", figures.top1)
    yield _accuracy(ground, result, "top3", figures.top3)
    yield _file(ground, result, figures)
    yield _measured(ground, cell, "memory_mib", figures.memory_mib)
    yield _measured(ground, cell, "latency_us", figures.latency_us)


def _parameters(ground: Ground, result: Result, figures: Figures) -> _Own:
    row = _Own(result.cell, "parameters_millions", figures.parameters_millions, Message("equal as rounded"))
    if result.parameters is None:
        return _without(row)
    path = ground.run.record_path("train", result.cell.variant)
    same = round(result.parameters / 1e6, 1) == figures.parameters_millions
    return _with(row, _exact(result.parameters / 1e6), same, records=(ground.run.relative(path),))


def _accuracy(ground: Ground, result: Result, quantity: Literal["top1", "top3"], value: float) -> _Own:
    row = _Own(result.cell, quantity, value, Message("z-test of two proportions, Holm"))
    if result.test is None:
        return _without(row)
    n, their_n = result.test.n, published().test_images
    own = result.test.top1 if quantity == "top1" else result.test.top3
    right, their_right = round(own * n), round(value * their_n)
    estimate = Estimate(own, *wilson(right, n), n, 1.0, 1.0)
    records = ground.evaluations(result.cell)
    if ground.run.preset.dataset != STUDIED_DATASET:
        note = Message("Not comparable here: other images ({dataset}).", {"dataset": ground.dataset_label})
        return _with(row, estimate, None, note=note, records=records)
    return _with(row, estimate, None, p=inference.same_proportion((right, their_right), (n, their_n)), records=records)


def _file(ground: Ground, result: Result, figures: Figures) -> _Own:
    row = _Own(result.cell, "file_mb", figures.file_mb, Message("within 5 %"))
    if result.size_bytes is None:
        return _without(row)
    size_mb = result.size_bytes / 1e6
    agrees = abs(size_mb / figures.file_mb - 1) <= FILE_TOLERANCE
    return _with(row, _exact(size_mb), agrees, records=ground.conversions(result.cell))


def _measured(ground: Ground, cell: Cell, quantity: Literal["memory_mib", "latency_us"], value: float) -> _Own:
    row = _Own(cell, quantity, value, Message("within 10 %"))
    bench = ground.latency(cell)
    if bench is None:
        return _without(row)
    figure, unit = (ground.memory(cell), _MIB) if quantity == "memory_mib" else (ground.times(cell), 1)
    n = bench.memory_bytes.n if quantity == "memory_mib" else bench.spread.n
    estimate = ratio(figure, (unit, figure[1] * 0 + unit), n)
    if not is_pi_4(bench.series):
        return _with(row, estimate, None, note=_elsewhere(bench), records=(bench.record,))
    return _with(row, estimate, abs(estimate.value / value - 1) <= DEVICE_TOLERANCE, records=(bench.record,))


def _elsewhere(bench: Latency) -> Message:
    return Message(
        "Not comparable here: measured on {device}, published for a {study}.",
        {"device": bench.device, "study": published().device},
    )


def _exact(value: float) -> Estimate:
    return Estimate(value, value, value, 1, 1.0, 1.0)


def _without(row: _Own) -> _Own:
    return _with(row, None, None, note=Message("Not in this run."))


def _with(
    row: _Own,
    estimate: Estimate | None,
    agrees: bool | None,
    p: float | None = None,
    note: Message | None = None,
    records: tuple[str, ...] = (),
) -> _Own:
    return _Own(row.cell, row.quantity, row.published, row.test, estimate, agrees, p, note, records)


def _finished(row: _Own, p: float | None) -> Comparison:
    e = row.estimate
    spread = e is not None and e.n > 1 and e.low == e.low
    theirs = _published_interval(row)
    return Comparison(
        cell=row.cell.name,
        quantity=row.quantity,
        published=row.published,
        published_low=theirs[0] if theirs else None,
        published_high=theirs[1] if theirs else None,
        own=e.value if e else None,
        low=e.low if e and spread else None,
        high=e.high if e and spread else None,
        n=e.n if e else None,
        deviation=e.value - row.published if e else None,
        relative=e.value / row.published - 1 if e else None,
        agrees=row.agrees if p is None else p >= ALPHA,
        p=p,
        test=row.test,
        note=row.note,
        records=row.records,
    )


def _published_interval(row: _Own) -> tuple[float, float] | None:
    if row.quantity not in ("top1", "top3"):
        return None
    n = published().test_images
    return wilson(round(row.published * n), n)
