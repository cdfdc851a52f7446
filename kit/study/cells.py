"""Cells: the points of the grid architecture x sparsity x precision, and their one name."""

from __future__ import annotations

from msgspec import Struct

from kit.errors import KitError, unknown
from kit.study.architectures import ARCHITECTURES, architecture

PRECISIONS = {
    "float32": "float32 weights and activations",
    "int8": "int8 after training, float fallback, float32 in and out (the study's)",
    "integer": "int8 after training, integer-only, uint8 in and out",
    "float16": "float16 weights, float32 activations",
    "dynamic": "int8 weights, activations quantized while running",
}


class Cell(Struct, frozen=True, order=True):
    """One point of the grid. Without a precision it is a *variant*: trained or pruned weights before conversion.

    `sparsity` is the nominal one in percent: 0 is trained and not pruned.
    """

    architecture: str
    sparsity: int
    precision: str | None = None

    @property
    def name(self) -> str:
        """Used for folders, records, tables, logs and on the command line: `mobilenet_v2/s60/int8`."""
        parts = [self.architecture, f"s{self.sparsity:02d}"]
        return "/".join([*parts, self.precision] if self.precision else parts)

    @property
    def variant(self) -> Cell:
        return Cell(self.architecture, self.sparsity)

    def matches(self, pattern: str) -> bool:
        """Whether `pattern` (`mobilenet_v2`, `mobilenet_v2/s60` or a whole name) names this cell or a part above it."""
        return self.name == pattern or self.name.startswith(pattern + "/")


def named(name: str) -> Cell:
    """The cell with this name, which must be a whole one."""
    architecture_name, sparsity, precision = name.split("/")
    return Cell(architecture_name, int(sparsity.removeprefix("s")), precision)


def parse_pattern(text: str) -> str:
    """Check a name such as `mobilenet_v2`, `mobilenet_v2/s60` or `mobilenet_v2/s60/int8` and return it.

    Raises KitError for a part that does not exist, with the nearest name that does.
    """
    name, _, rest = text.strip("/").partition("/")
    if name not in ARCHITECTURES:
        raise unknown("architecture", name, ARCHITECTURES)
    sparsity, _, precision = rest.partition("/")
    if rest and not (sparsity[:1] == "s" and len(sparsity) == 3 and sparsity[1:].isdigit()):
        raise KitError(f"{sparsity!r} is not a sparsity", "write it like s00, s30, s60 or s90")
    if precision and precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    return text.strip("/")


def label(cell: Cell) -> str:
    """How a cell is called in running text: `MobileNetV2, 60 %, int8`."""
    parts = [architecture(cell.architecture).label, f"{cell.sparsity} %"]
    return ", ".join([*parts, cell.precision] if cell.precision else parts)
