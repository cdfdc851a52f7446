"""What cells and comparisons are called in claims, and short ways to name a cell."""

from __future__ import annotations

from collections.abc import Iterable

from kit.analysis.verdicts import Message
from kit.study import architectures
from kit.study.grid import Point
from kit.study.published import published


def studied() -> tuple[str, ...]:
    """The study's five architectures."""
    return published().architectures


def name(architecture_name: str) -> str:
    return architectures.label(architecture_name)


def at(architecture_name: str, sparsity: int = 0, precision: str = "float32") -> Point:
    """A cell of the run."""
    return Point(architecture=architecture_name, sparsity=sparsity, precision=precision)


def trained(architecture_name: str) -> Point:
    """The unpruned float32 cell."""
    return at(architecture_name)


def quantized(architecture_name: str) -> Point:
    """The unpruned int8 cell."""
    return at(architecture_name, 0, "int8")


def pair(first: Point, second: Point) -> str:
    return f"{first.name} : {second.name}"


def versus(first: str, second: str) -> Message:
    """The name of a comparison of two architectures."""
    return Message("{first} against {second}", {"first": name(first), "second": name(second)})


def names(architectures: Iterable[str]) -> list[str]:
    return [name(one) for one in architectures]


def spread_of(values: Iterable[float]) -> dict[str, float]:
    """The fields `low` and `high` of a message, from the smallest and the largest value."""
    found = list(values)
    return {"low": min(found), "high": max(found)}


POINTS = Message("change of top-1, percentage points")
