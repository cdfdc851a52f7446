"""The study's published numbers, as data: one row for each of its 56 cells."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib import resources

import msgspec
from msgspec import Struct

from kit.study.architectures import ARCHITECTURES
from kit.study.grid import Point


class Figures(Struct, frozen=True, forbid_unknown_fields=True):
    """What the study published for one cell. `file_mb`, `gzip_mb` are in 1,000,000 bytes, `memory_mib` in 1,048,576 bytes.

    Accuracies are 0 to 1, losses in nats, `achieved_sparsity` is the share of zeros among all parameters. Those of the
    training images are of the trained or pruned network before conversion. `remark` names a remark that must accompany it.
    """

    architecture: str
    sparsity_percent: int
    precision: str
    parameters: int
    nonzero: int
    achieved_sparsity: float
    top1: float
    top3: float
    file_mb: float
    gzip_mb: float
    memory_mib: float
    latency_us: float
    train_top1: float | None = None
    train_loss: float | None = None
    test_loss: float | None = None
    remark: str = ""


class Published(Struct, frozen=True, forbid_unknown_fields=True):
    """All published cells. Each accuracy of one is over `test_images`; times and memory were measured on `device`.

    `depthwise_percent` is the share of an architecture's parameters that lies in depthwise kernels, from the thesis.
    """

    source: str
    device: str
    test_images: int
    cells: tuple[Figures, ...]
    depthwise_percent: dict[str, float]

    @property
    def measured(self) -> tuple[str, ...]:
        """All seven architectures, in the study's order."""
        return tuple(dict.fromkeys(row.architecture for row in self.cells))

    @property
    def architectures(self) -> tuple[str, ...]:
        """The five of the study's main comparison."""
        return tuple(name for name in self.measured if not ARCHITECTURES[name].minimalistic)

    def of(self, cell: Point) -> Figures | None:
        """What the study published for a cell, if it did."""
        wanted = (cell.architecture, cell.sparsity, cell.precision)
        return next((f for f in self.cells if (f.architecture, f.sparsity_percent, f.precision) == wanted), None)


@cache
def published() -> Published:
    """The published numbers."""
    text = resources.files("kit.study").joinpath("published.csv").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return Published(
        source="J. Hoever, Untersuchung der Auswirkungen von Quantisierung und Pruning auf Convolutional Neural Networks "
        "für Mobilgeräte, thesis and slides of 31 March 2021, and its public artifact",
        device="Raspberry Pi 4B",
        test_images=10_000,
        cells=tuple(_figures(row) for row in csv.DictReader(lines)),
        depthwise_percent={
            "mobilenet": 1.38,
            "mobilenet_v2": 2.83,
            "mobilenet_v3_large": 2.16,
            "mobilenet_v3_small": 3.80,
            "efficientnet_b0": 4.48,
        },
    )


def _figures(row: Mapping[str, str]) -> Figures:
    return msgspec.convert({key: text for key, text in row.items() if text}, Figures, strict=False)
