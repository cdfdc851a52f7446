"""Where a finding comes from, and what that limits: the machine, the data set, the architectures that are missing."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from kit.report.ground import Ground, names, studied
from kit.report.verdict import Message


class Place(Struct, frozen=True):
    """`origin` of what was measured, and what it limits."""

    origin: str
    limits: tuple[Message, ...]


def measured(ground: Ground) -> Place:
    """Where the series that decides was measured. On a host a ratio may be another one than on the study's processor."""
    series = ground.series
    if series is None:
        return Place("", ())
    if series.origin == "device":
        return Place("device", ())
    limit = Message(
        "Ratios measured on a host ({device}), not on a device of the study's kind: partly at best.",
        {"device": series.device},
    )
    return Place(series.origin, (limit,))


def missing(there: Iterable[str]) -> tuple[str, ...]:
    """The labels of the study's architectures that are not there."""
    found = set(there)
    return tuple(names(a for a in studied() if a not in found))


def superlative(there: Iterable[str]) -> tuple[Message, ...]:
    """Who is first or last among five is known only when all five were compared."""
    if missing(there):
        return (Message("Not all of the study's architectures are compared: partly at best."),)
    return ()


def weights_of(ground: Ground) -> tuple[Message, ...]:
    """How well weights compress depends on what they were trained on."""
    if ground.is_studied_dataset:
        return ()
    return (
        Message("The weights were trained on other images ({dataset}): partly at best.", {"dataset": ground.dataset_label}),
    )
