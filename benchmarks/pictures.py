"""How fast a folder of pictures is read and checked, and what memory that takes.

    python benchmarks/pictures.py [100000]      # pictures of 64 x 64, JPEG and PNG in turn, in 10 classes

Processor seconds are those of all processes. The memory is the sum over all processes of what is theirs alone (USS),
sampled every 50 ms.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from machine import machine
from PIL import Image

from kit.datasets import own
from kit.study.datasets import OwnDataset


def make(folder: Path, count: int) -> None:
    rng = np.random.default_rng(1)
    for label in range(10):
        (folder / f"class{label}").mkdir(parents=True)
    for index in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8))  # smooth, as photographs are
        suffix = ("jpg", "png")[index % 2]
        coarse.resize((64, 64), Image.Resampling.BICUBIC).save(folder / f"class{index % 10}" / f"{index}.{suffix}")


class Memory(threading.Thread):
    """The most memory, in bytes, that this process and its children had together."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self.is_over = 0, False

    def run(self) -> None:
        while not self.is_over:
            self.most = max(self.most, sum(map(private, family())))
            time.sleep(0.05)


def family() -> list[int]:
    mine = str(os.getpid())
    children = Path(f"/proc/{mine}/task/{mine}/children").read_text().split()
    return [int(mine), *map(int, children)]


def processor_s() -> float:
    """Of this process, and of children that have ended."""
    return sum(os.times()[:4])


def private(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_")) * 1024


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make(folder / "pictures", count)
        watcher, started, before = Memory(), time.monotonic(), processor_s()
        watcher.start()
        looked = own.prepare(folder / "data", OwnDataset(folder=str(folder / "pictures")))
        took, watcher.is_over = time.monotonic() - started, True
        used, started = processor_s() - before, time.monotonic()
        own.prepare(folder / "data", OwnDataset(folder=str(folder / "pictures")))
        again = time.monotonic() - started
    memory = f"{watcher.most / 2**20:.0f} MiB"
    print(machine())
    print(f"{looked.count:,} pictures: {took:.1f} s, {used:.1f} processor seconds, {memory}; again {again:.1f} s")


if __name__ == "__main__":
    main()
