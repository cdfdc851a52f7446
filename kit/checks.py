"""A check of this machine or of a host."""

from __future__ import annotations

from msgspec import Struct


class Check(Struct, frozen=True):
    """`needed` checks that fail make `kit doctor` exit with 1; `remedy` is empty if nothing is wrong."""

    what: str
    found: str
    ok: bool
    remedy: str = ""
    needed: bool = True
