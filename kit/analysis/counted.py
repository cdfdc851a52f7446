"""Published numbers that are exact beside the run's own: parameters, zeros among them, and sizes of files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from kit.analysis.evidence import RunEvidence
from kit.analysis.results import Result
from kit.analysis.statistics import Estimate
from kit.analysis.verdicts import Message
from kit.study.grid import Cell
from kit.study.published import Figures

FILE_TOLERANCE = 0.07  # today's converter writes less metadata: int8 files are 2.6 to 5.5 % smaller
GZIP_TOLERANCE = 0.01  # in addition to the difference between the files themselves
NONZERO_TOLERANCE = 0.001  # the last mask update falls between two steps: 17 of 21 are equal to the last weight

Quantity = Literal[
    "parameters",
    "nonzero",
    "achieved_sparsity",
    "top1",
    "top3",
    "train_top1",
    "file_mb",
    "gzip_mb",
    "memory_mib",
    "latency_us",
    "memory_ratio",
    "latency_ratio",
]


class Own(Struct, frozen=True):
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

    def filled(
        self,
        estimate: Estimate,
        agrees: bool | None,
        p: float | None = None,
        note: Message | None = None,
        records: tuple[str, ...] = (),
    ) -> Own:
        """The row with the run's figure."""
        return replace(self, estimate=estimate, agrees=agrees, p=p, note=note, records=records)

    def missing(self, result: Result) -> Own:
        """The row of a figure that is missing from the run, or left out."""
        left_out = Message("Stale in this run: left out.")
        return replace(self, note=left_out if result.stale else Message("Missing from this run."))


def counted(evidence: RunEvidence, result: Result, figures: Figures) -> Iterator[Own]:
    """Parameters, how many are not 0, and the share that is."""
    records = (result.records.weights,)
    equal = Message("equal")
    rows: tuple[tuple[Quantity, float, float | None, Message, float], ...] = (
        ("parameters", figures.parameters, result.parameters, equal, 0.0),
        ("nonzero", figures.nonzero, result.nonzero, within(NONZERO_TOLERANCE), NONZERO_TOLERANCE * figures.nonzero),
        (
            "achieved_sparsity",
            figures.achieved_sparsity,
            result.achieved_sparsity,
            Message("within {points:g} percentage points", {"points": 100 * NONZERO_TOLERANCE}),
            NONZERO_TOLERANCE,
        ),
    )
    for quantity, value, own, test, room in rows:
        row = Own(result.cell, quantity, value, test)
        if own is None:
            yield row.missing(result)
        else:
            yield row.filled(exact(own), abs(own - value) <= room, records=records)


def files(evidence: RunEvidence, result: Result, figures: Figures) -> Iterator[Own]:
    """The file, and the gzipped one: it may differ by as much as the file does, and a little more."""
    records = evidence.conversions(result.point)
    plain = Own(result.cell, "file_mb", figures.file_mb, within(FILE_TOLERANCE))
    packed = Own(
        result.cell,
        "gzip_mb",
        figures.gzip_mb,
        Message("within {percent:g} % and what the files differ by", {"percent": 100 * GZIP_TOLERANCE}),
    )
    if result.size_bytes is None or result.gzip_bytes is None:
        yield from (plain.missing(result), packed.missing(result))
        return
    size_mb, gzip_mb = result.size_bytes / 1e6, result.gzip_bytes / 1e6
    apart = abs(size_mb - figures.file_mb)
    room = GZIP_TOLERANCE * figures.gzip_mb + apart
    yield plain.filled(exact(size_mb), apart <= FILE_TOLERANCE * figures.file_mb, records=records)
    yield packed.filled(exact(gzip_mb), abs(gzip_mb - figures.gzip_mb) <= room, records=records)


def within(tolerance: float) -> Message:
    return Message("within {percent:g} %", {"percent": 100 * tolerance})


def exact(value: float) -> Estimate:
    return Estimate(value, value, value, 1, 1.0, 1.0)
