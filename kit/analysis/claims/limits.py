"""Where a finding comes from, and what that limits: the machine, the data set, the architectures that are missing."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from kit.analysis.evidence import RunEvidence
from kit.analysis.naming import names, studied
from kit.analysis.verdicts import Message


class Place(Struct, frozen=True):
    """`origin` of what was measured, and what it limits."""

    origin: str
    limits: tuple[Message, ...]


def measured(evidence: RunEvidence) -> Place:
    """Where the series that decides was measured. A ratio on a PC may differ from that on the study's processor."""
    series = evidence.series
    if series is None:
        return Place("", ())
    if series.origin == "device":
        return Place("device", ())
    limit = Message(
        "Ratios measured on a PC ({device}), not on a device of the study's kind: partly at best.",
        {"device": series.device},
    )
    return Place(series.origin, (limit,))


def missing(there: Iterable[str]) -> tuple[str, ...]:
    """The labels of the study's architectures that are missing."""
    found = set(there)
    return tuple(names(a for a in studied() if a not in found))


def weights_of(evidence: RunEvidence) -> tuple[Message, ...]:
    """How well weights compress depends on what they were trained on."""
    if evidence.is_studied_dataset:
        return ()
    return (
        Message(
            "The weights were trained on different images ({dataset}): partly at best.", {"dataset": evidence.dataset_label}
        ),
    )
