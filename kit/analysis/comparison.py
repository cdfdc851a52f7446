"""Each published number beside the run's own: deviation, and whether the two agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from kit.analysis import statistics
from kit.analysis.counted import Own, Quantity, counted, files, within
from kit.analysis.descriptive import wilson
from kit.analysis.digits import estimated
from kit.analysis.evidence import STUDIED_DATASET, RunEvidence
from kit.analysis.measurement import BenchResult
from kit.analysis.naming import trained
from kit.analysis.results import Result, is_pi_4
from kit.analysis.statistics import ALPHA, Estimate, ratio
from kit.analysis.studied import theirs
from kit.analysis.verdicts import Message
from kit.study import datasets
from kit.study.grid import Cell, Point
from kit.study.published import published

DEVICE_TOLERANCE = 0.10  # for a different operating system and interpreter build on the same board
_MIB = 2**20

Accuracies = Literal["top1", "top3", "train_top1"]
_REMARKS = {
    "pruned_again": Message("In the study pruned again, a day later than all others; its int8 accuracy is the odd 0.5128.")
}


class Comparison(Struct, frozen=True):
    """One published number of a cell. Its unit is in the quantity's name; `deviation` is own minus published.

    Intervals are at 95 %: Wilson's for accuracies, the study's too; the bootstrap's for times and memory. Accuracies count
    ties as the study did. Ratios are to the trained network's float32 file. `agrees` is None if the two cannot be
    compared, and `note` says why; `remark` says what is known of the study's cell. `p` is adjusted (Holm) over all
    accuracies of the run. That an accuracy agrees means that the choice of test images explains the deviation; how much
    training differs from seed to seed is not in it. `relative` is the deviation over the published number.
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
    remark: Message | None = None
    records: tuple[str, ...] = ()


def compare(evidence: RunEvidence) -> list[Comparison]:
    """A row for each published number of the cells that the run's preset has."""
    rows = [row for point in evidence.results for row in _of_cell(evidence, point)]
    adjusted = iter(statistics.holm([row.p for row in rows if row.p is not None]))
    return [_finished(row, None if row.p is None else next(adjusted)) for row in rows]


def _of_cell(evidence: RunEvidence, point: Point) -> Iterator[Own]:
    figures = theirs(evidence.run.preset, point)
    if figures is None:
        return
    result = evidence.results[point]
    yield from counted(evidence, result, figures)
    yield _accuracy(evidence, result, "top1", figures.top1)
    yield _accuracy(evidence, result, "top3", figures.top3)
    if figures.train_top1 is not None:
        yield _accuracy(evidence, result, "train_top1", figures.train_top1)
    yield from files(evidence, result, figures)
    yield _measured(evidence, result, "memory_mib", figures.memory_mib)
    yield _measured(evidence, result, "latency_us", figures.latency_us)
    base = published().of(trained(point.architecture))
    if base is not None and base is not figures:
        yield _ratio(evidence, result, "memory_ratio", figures.memory_mib / base.memory_mib)
        yield _ratio(evidence, result, "latency_ratio", figures.latency_us / base.latency_us)


def _accuracy(evidence: RunEvidence, result: Result, quantity: Accuracies, value: float) -> Own:
    """As the study counted ties. If an older run did not record them, only float32, which has next to none, is
    comparable."""
    row = Own(result.cell, quantity, value, Message("z-test of two proportions, ties as the study counted them, Holm"))
    split = result.train if quantity == "train_top1" else result.test
    if split is None:
        return row.missing(result)
    kind: Literal["top1", "top3"] = "top3" if quantity == "top3" else "top1"
    own = getattr(split.studied or split, kind)
    n, their_n = split.n, split.n if quantity == "train_top1" else published().test_images
    right, their_right = round(own * n), round(value * their_n)
    estimate = Estimate(own, *wilson(right, n), n, 1.0, 1.0)
    records = evidence.evaluations(result.point)
    note = _not_comparable(evidence, result, split.studied is not None)
    if note is not None:
        return row.filled(estimate, None, note=note, records=records)
    return row.filled(estimate, None, p=statistics.same_proportion((right, their_right), (n, their_n)), records=records)


def _not_comparable(evidence: RunEvidence, result: Result, ties_known: bool) -> Message | None:
    if evidence.run.preset.dataset != STUDIED_DATASET:
        return Message("Not comparable: different images ({dataset}).", {"dataset": evidence.dataset_label})
    if not ties_known and result.cell.precision != "float32":
        return Message("Not comparable: this older run did not record ties, which the study counted as right.")
    return None


def _ratio(evidence: RunEvidence, result: Result, quantity: Literal["memory_ratio", "latency_ratio"], value: float) -> Own:
    """Against the trained network's float32 file, measured in the same way: this compares on any machine."""
    cell, base = result.point, trained(result.cell.architecture)
    row = Own(result.cell, quantity, value, within(DEVICE_TOLERANCE))
    if not evidence.benched([cell, base]):
        return row.missing(result)
    estimate = (evidence.memory_ratio if quantity == "memory_ratio" else evidence.latency_ratio)(cell, base)
    agrees = abs(estimate.value / value - 1) <= DEVICE_TOLERANCE
    return row.filled(estimate, agrees, records=evidence.benches(cell, base))


def _measured(evidence: RunEvidence, result: Result, quantity: Literal["memory_mib", "latency_us"], value: float) -> Own:
    row = Own(result.cell, quantity, value, within(DEVICE_TOLERANCE))
    cell, bench = result.point, evidence.bench(result.point)
    if bench is None:
        return row.missing(result)
    figure, unit = (evidence.memory(cell), _MIB) if quantity == "memory_mib" else (evidence.times(cell), 1)
    n = bench.memory.n if quantity == "memory_mib" else bench.latency.n
    estimate = ratio(figure, (unit, figure[1] * 0 + unit), n)
    if not is_pi_4(bench.series):
        return row.filled(estimate, None, note=_elsewhere(bench), records=(bench.record,))
    return row.filled(estimate, abs(estimate.value / value - 1) <= DEVICE_TOLERANCE, records=(bench.record,))


def _elsewhere(bench: BenchResult) -> Message:
    return Message(
        "Compares in ratio only: measured on {device}, published for a {study}.",
        {"device": bench.series.device, "study": published().device},
    )


def _finished(row: Own, p: float | None) -> Comparison:
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
        relative=estimated(e.value / row.published - 1) if e and row.published else None,
        agrees=row.agrees if p is None else p >= ALPHA,
        p=p,
        test=row.test,
        note=row.note,
        remark=_remark(row.cell),
        records=row.records,
    )


def _remark(cell: Cell) -> Message | None:
    figures = published().of(cell.point)
    return _REMARKS[figures.remark] if figures and figures.remark else None


def _published_interval(row: Own) -> tuple[float, float] | None:
    if row.quantity not in ("top1", "top3", "train_top1"):
        return None
    n = published().test_images if row.quantity != "train_top1" else datasets.get(STUDIED_DATASET).train_images
    return wilson(round(row.published * n), n)
