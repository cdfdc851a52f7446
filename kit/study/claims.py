"""The study's claims as data: what each says, in English and German, and what it takes to decide it."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal

import msgspec
from msgspec import Struct

Need = Literal["accuracy", "predictions", "bench", "sizes"]


class Claim(Struct, frozen=True, forbid_unknown_fields=True):
    """One claim. `statement` and `decided_by` have a text for each language: `en` and `de`.

    `needs` says without what nothing of it can be decided; `predictions` are those image by image. `subjects` are the
    architectures that the claim is about: where one of these is missing there is nothing to decide. Empty: it is about all
    of the study's architectures.
    """

    number: int
    key: str
    needs: tuple[Need, ...]
    statement: dict[str, str]
    decided_by: dict[str, str]
    subjects: tuple[str, ...] = ()


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    claims: tuple[Claim, ...]


@cache
def claims() -> tuple[Claim, ...]:
    """All claims, in the order of their numbers."""
    text = resources.files("kit.study").joinpath("claims.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=_File).claims


def claim(key: str) -> Claim:
    """The claim called `key`."""
    return next(claim for claim in claims() if claim.key == key)
