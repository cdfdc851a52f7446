"""The study's claims as data: what each says, in English and German, what it takes to decide it, and by which limits."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal

import msgspec
from msgspec import Struct

Need = Literal["accuracy", "predictions", "bench", "sizes"]
Group = Literal["slides", "thesis"]


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """Every number that a claim is decided by; the reasons stand beside them in `claims.toml`.

    `…_points` are percentage points, `…_percent` and `…_times` relative, `…_mb` 1,000,000 bytes.
    """

    gap_points: float
    slower_times: float
    parameters_percent: float
    shrinks_least_times: float
    shrinks_most_times: float
    shrinks_percent: float
    little_points: float
    strongly_times: float
    memory_large_percent: float
    memory_small_percent: float
    memory_about_points: float
    same_percent: float
    same_file_percent: float
    smaller_percent: float
    class_points: float
    smallest_mb: float
    smallest_percent: float
    saved_percent: float
    saved_points: float
    smaller_times: float
    equal_points: float
    slightly_points: float
    collapse_points: float
    faster_percent: float
    smallest_of_all_mb: float


class Claim(Struct, frozen=True, forbid_unknown_fields=True):
    """One claim. `statement` and `decided_by` have a text for each language: `en` and `de`.

    `group` is where the study makes it: on its slides, or only in its thesis. `needs` names what it cannot be decided
    without; `predictions` are the per-image ones. `subjects` are the architectures that the claim is about: if one of them
    is missing, it cannot be decided. Empty: all of the study's architectures.
    """

    number: int
    key: str
    needs: tuple[Need, ...]
    statement: dict[str, str]
    decided_by: dict[str, str]
    subjects: tuple[str, ...] = ()
    group: Group = "slides"


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    limits: Limits
    claims: tuple[Claim, ...]


@cache
def as_written() -> tuple[Limits, tuple[Claim, ...]]:
    """The file's content; in its texts a limit is still its name in braces."""
    text = resources.files("kit.study").joinpath("claims.toml").read_text("utf-8")
    file = msgspec.toml.decode(text, type=_File)
    return file.limits, file.claims


def limits() -> Limits:
    """The limits that claims are decided by."""
    return as_written()[0]


@cache
def claims() -> tuple[Claim, ...]:
    """All claims, in the order of their numbers."""
    return tuple(
        msgspec.structs.replace(one, statement=_filled(one.statement), decided_by=_filled(one.decided_by))
        for one in as_written()[1]
    )


def _filled(texts: dict[str, str]) -> dict[str, str]:
    """The texts with each limit in its place, written as the language does."""
    known = msgspec.to_builtins(limits())
    written = {name: f"{value:g}" for name, value in known.items()}
    german = {name: text.replace(".", ",") for name, text in written.items()}
    return {code: text.format_map(german if code == "de" else written) for code, text in texts.items()}


def claim(key: str) -> Claim:
    """The claim called `key`."""
    return next(claim for claim in claims() if claim.key == key)
