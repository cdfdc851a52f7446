"""The kinds of comparison that claims are made of. Each wants its figure above or below a limit, or both."""

from __future__ import annotations

from collections.abc import Callable

from kit.analysis import replicates, statistics
from kit.analysis.evidence import RunEvidence
from kit.analysis.finding import Test, exact
from kit.analysis.naming import POINTS, pair
from kit.analysis.verdicts import Message
from kit.study.grid import Point

FIRST_MINUS_SECOND = Message("top-1 of the first minus top-1 of the second, percentage points")


def accuracy(
    evidence: RunEvidence,
    cell: Point,
    base: Point,
    above: float | None = None,
    below: float | None = None,
    presumed: bool = False,
    quantity: Message = POINTS,
) -> Test:
    """Top-1 of `cell` minus that of `base` on the same test images; limits are fractions."""
    found, p, against = statistics.tested(lambda bound: evidence.change(cell, base, bound), above, below)
    return Test(
        pair(cell, base),
        quantity,
        found,
        above,
        below,
        None if presumed else p,
        against,
        presumed=presumed,
        records=evidence.evaluations(cell, base),
        scale=100,
        over=replicates.change(evidence, cell, base),
    )


def latency(
    evidence: RunEvidence, first: Point, second: Point, above: float | None = None, below: float | None = None
) -> Test:
    """Latency of `first` over that of `second`."""
    found = statistics.tested(lambda bound: evidence.latency_ratio(first, second, bound), above, below)
    return _measured(evidence, Message("latency, ratio"), first, second, found, above, below)


def memory(
    evidence: RunEvidence, first: Point, second: Point, above: float | None = None, below: float | None = None
) -> Test:
    """Growth of the peak memory by `first` over that by `second`."""
    found = statistics.tested(lambda bound: evidence.memory_ratio(first, second, bound), above, below)
    return _measured(evidence, Message("memory, ratio"), first, second, found, above, below)


def _measured(
    evidence: RunEvidence,
    quantity: Message,
    first: Point,
    second: Point,
    found: tuple[statistics.Estimate, float, float],
    above: float | None,
    below: float | None,
) -> Test:
    estimate, p, against = found
    records = evidence.benches(first, second)
    return Test(pair(first, second), quantity, estimate, above, below, p, against, records=records)


def gain(
    evidence: RunEvidence,
    what: str,
    first: tuple[Point, Point],
    second: tuple[Point, Point],
    above: float | None = None,
    below: float | None = None,
) -> Test:
    """The ratio of `what` (latency or memory) within the pair `first` over that within the pair `second`."""
    estimate, p, against = statistics.tested(lambda bound: evidence.gain_ratio(what, first, second, bound), above, below)
    quantity = {
        "latency": Message("latency ratio of the first over that of the second"),
        "memory": Message("memory ratio of the first over that of the second"),
    }[what]
    subject = pair(first[0], second[0])
    return Test(subject, quantity, estimate, above, below, p, against, records=evidence.benches(*first, *second))


def size(
    evidence: RunEvidence,
    first: Point,
    second: Point,
    quantity: Message,
    of: tuple[Callable[[RunEvidence, Point], int], Callable[[RunEvidence, Point], int]],
    above: float | None = None,
    below: float | None = None,
) -> Test:
    """The size `of[0]` of `first` over the size `of[1]` of `second`. Exact."""
    ratio = of[0](evidence, first) / of[1](evidence, second)
    records = evidence.conversions(first, second)
    return Test(pair(first, second), quantity, exact(ratio), above, below, records=records)


def file_bytes(evidence: RunEvidence, cell: Point) -> int:
    return evidence.results[cell].size_bytes or 0


def gzip_bytes(evidence: RunEvidence, cell: Point) -> int:
    return evidence.results[cell].gzip_bytes or 0
