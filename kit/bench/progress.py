"""How a bench reports progress: one small message, and one type of callback."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct


class Progress(Struct, frozen=True):
    """`where` it happens, in which `series`, and to what: `name` is a cell, or what is sent.

    `state` is running, cooling, again, waiting, parity, done, fresh or failed, with `done` of `total` processes; or
    sending, with bytes and their `rate` in bytes a second.
    """

    where: str
    series: str
    name: str
    state: str
    done: int = 0
    total: int = 0
    rate: float = 0.0


OnProgress = Callable[[Progress], object]
