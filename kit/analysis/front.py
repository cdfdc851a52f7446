"""Which network to take: what each point of the grid costs, what it gets right, and which of them no other one beats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from kit.analysis.digits import known
from kit.analysis.material import Material, Spread
from kit.analysis.results import Result, comparable
from kit.study.grid import Point

Cost = Literal["file_kb", "gzip_kb", "latency_us"]
COSTS: tuple[Cost, ...] = ("file_kb", "gzip_kb", "latency_us")


class Choice(Struct, frozen=True):
    """One point that can be chosen: top-1 over trainings, sizes in 1,000 bytes, latency in µs, peak memory in 1e6 bytes.

    Numbers have their known digits, so that equal ones are equal on every processor.
    """

    point: Point
    result: Result
    top1: Spread
    file_kb: float
    gzip_kb: float
    latency_us: float | None
    memory_mb: float | None

    def cost(self, what: Cost) -> float | None:
        return {"file_kb": self.file_kb, "gzip_kb": self.gzip_kb, "latency_us": self.latency_us}[what]

    def beats(self, other: Choice, what: Cost) -> bool:
        """Whether it is as good in accuracy and cost, and better in one."""
        mine, theirs = self.cost(what), other.cost(what)
        if mine is None or theirs is None or self.top1.mean < other.top1.mean or mine > theirs:
            return False
        return self.top1.mean > other.top1.mean or mine < theirs


def choices(material: Material) -> list[Choice]:
    """All points with an accuracy and a file. Times are those of the one series in which cells compare."""
    found = []
    for r in comparable(material.results):
        top1 = material.top1(r.point)
        if top1 is None or r.size_bytes is None or r.gzip_bytes is None:
            continue
        found.append(
            Choice(
                point=r.point,
                result=r,
                top1=known_spread(top1),
                file_kb=known(r.size_bytes / 1000),
                gzip_kb=known(r.gzip_bytes / 1000),
                latency_us=known(r.latency.value) if r.latency else None,
                memory_mb=known(r.memory.value / 1e6) if r.memory else None,
            )
        )
    return found


def known_spread(spread: Spread) -> Spread:
    low, high, mean = known(spread.low), known(spread.high), known(spread.mean)
    return Spread(spread.seeds, tuple(known(value) for value in spread.values), mean, low, high)


def front(found: Sequence[Choice], what: Cost) -> list[Choice]:
    """Those that have this cost and that no other one beats, the cheapest first."""
    able = [one for one in found if one.cost(what) is not None]
    best = [one for one in able if not any(other.beats(one, what) for other in able)]
    return sorted(best, key=lambda one: (one.cost(what) or 0.0, one.point))
