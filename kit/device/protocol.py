"""How a host's cells are measured, and in which order."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from msgspec import Struct

from kit.errors import unknown


class Protocol(Struct, frozen=True):
    """`processes` fresh ones for each cell; in each `warmup_inferences`, then at least `inferences` and `seconds`."""

    name: str
    processes: int
    warmup_inferences: int
    inferences: int
    seconds: float
    statistic: str
    says: str


# `paper`: the TFLite benchmark tool's own values of 2021 (tools/benchmark, min_secs 1.0), its warm-up cut to one inference.
PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("paper", 1, 1, 50, 1.0, "mean", "as the study: one process, 1 warm-up, at least 50 inferences, mean"),
        Protocol("rigorous", 5, 10, 50, 2.0, "median", "5 fresh processes, each at least 50 inferences and 2 s, median"),
        Protocol("trial", 2, 1, 3, 0.0, "median", "2 short processes: to see that all works, no more"),
    )
}
_SENTINEL_EVERY = 8


class Unit(Struct, frozen=True):
    """One fresh process. `process` is its number among those of its cell; a sentinel's are counted apart."""

    cell: str
    process: int
    sentinel: bool = False


def protocol(name: str) -> Protocol:
    """Raises KitError for an unknown one."""
    if name not in PROTOCOLS:
        raise unknown("protocol", name, PROTOCOLS)
    return PROTOCOLS[name]


def schedule(cells: Sequence[str], processes: int, sentinel: str, seed: int = 1) -> list[Unit]:
    """Every cell's processes in rounds, each in a random order of its own; `sentinel` before them, between, and after
    (a single cell is its own sentinel).

    So slow drift of the device spreads over all cells, and shows in the sentinel (after A. Georges et al., Statistically
    rigorous Java performance evaluation, 2007, and T. Kalibera & R. Jones, Rigorous benchmarking in reasonable time, 2013).
    """
    units, shuffler = list[Unit](), random.Random(seed)
    for process in range(processes):
        round_ = [Unit(cell, process) for cell in cells]
        shuffler.shuffle(round_)
        units += round_
    return list(_with_sentinels(units, sentinel)) if len(cells) > 1 else units


def _with_sentinels(units: Sequence[Unit], sentinel: str) -> Iterator[Unit]:
    count = 0
    for index, unit in enumerate(units):
        if index % _SENTINEL_EVERY == 0:
            yield Unit(sentinel, count, True)
            count += 1
        yield unit
    yield Unit(sentinel, count, True)
