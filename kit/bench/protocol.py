"""In which order cells are measured, and what makes one number of many: the same on this machine and on a host."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator, Sequence

from msgspec import Struct

INTERPRETERS = ("litert", "tflite")
DELEGATES = ("none", "xnnpack")

_SENTINEL_EVERY = 8


class Unit(Struct, frozen=True):
    """One fresh process. `process` is its number among those of its cell; a sentinel's are counted apart."""

    cell: str
    process: int
    sentinel: bool = False


def centre(values: Sequence[float], statistic: str) -> float:
    """The mean or the median of at least one value."""
    return statistics.fmean(values) if statistic == "mean" else statistics.median(values)


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
