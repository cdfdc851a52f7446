"""The study's published numbers, as data."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec
from msgspec import Struct

from kit.study.cells import Cell


class Figures(Struct, frozen=True, forbid_unknown_fields=True):
    """One row of a table of the study. `file_mb` is in 1,000,000 bytes, `memory_mib` in 1,048,576 bytes.

    The study writes MB for both. That its memory is in MiB shows in the digits: each is a whole number of 4 KiB pages.
    """

    parameters_millions: float
    top1: float
    top3: float
    file_mb: float
    memory_mib: float
    latency_us: float


class Published(Struct, frozen=True, forbid_unknown_fields=True):
    """Both tables, by architecture: networks after training, and after quantization. Each accuracy is over `test_images`."""

    source: str
    device: str
    test_images: int
    trained: dict[str, Figures]
    quantized: dict[str, Figures]

    @property
    def architectures(self) -> tuple[str, ...]:
        """The study's five, in its order."""
        return tuple(self.trained)

    def of(self, cell: Cell) -> Figures | None:
        """What the study published for a cell, if it did."""
        tables = {"float32": self.trained, "int8": self.quantized}
        return None if cell.sparsity else tables.get(cell.precision or "", {}).get(cell.architecture)


@cache
def published() -> Published:
    """The published numbers."""
    text = resources.files("kit.study").joinpath("published.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=Published)
