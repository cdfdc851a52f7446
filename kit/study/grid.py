"""Cells: the points of the grid architecture x seed x sparsity x precision, and their one name."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from msgspec import Struct
from msgspec.structs import replace

from kit.errors import KitError, unknown
from kit.study import architectures

PRECISIONS = {
    "float32": "float32 weights and activations",
    "int8": "int8 after training, float fallback, float32 in and out (the study's)",
    "integer": "int8 after training, integer-only, uint8 in and out",
    "float16": "float16 weights, float32 activations",
    "dynamic": "int8 weights, activations quantized while running",
}


class Point(Struct, frozen=True, order=True):
    """A cell over all its seeds, which is what claims and published numbers are about.

    Without a precision it is a *variant*: trained or pruned weights before conversion. `sparsity` is the nominal one in
    percent: 0 is trained and not pruned.
    """

    architecture: str
    sparsity: int
    precision: str | None = None

    @property
    def name(self) -> str:
        """`mobilenet_v2/s60/int8`: on the command line it selects the cell of each seed."""
        return _name(self.architecture, self.sparsity, self.precision)

    @property
    def variant(self) -> Point:
        return replace(self, precision=None)

    def of_seed(self, seed: int) -> Cell:
        """The cell with this seed."""
        return Cell(self.architecture, seed, self.sparsity, self.precision)


class Cell(Struct, frozen=True, order=True):
    """One point of the grid with one seed, which decides the initial weights, the order of the images and dropout."""

    architecture: str
    seed: int
    sparsity: int
    precision: str | None = None

    @property
    def name(self) -> str:
        """Used for folders, records, tables, logs and on the command line: `mobilenet_v2@1/s60/int8`."""
        return _name(f"{self.architecture}@{self.seed}", self.sparsity, self.precision)

    @property
    def point(self) -> Point:
        return Point(self.architecture, self.sparsity, self.precision)

    @property
    def variant(self) -> Cell:
        return replace(self, precision=None)

    @property
    def trained(self) -> Cell:
        """The variant that this cell was pruned from."""
        return Cell(self.architecture, self.seed, 0)

    def matches(self, pattern: str) -> bool:
        """Whether `pattern` (`mobilenet_v2`, `mobilenet_v2@1/s60`, `*/s60`, a name) names this cell or a part above it."""
        parts = pattern.split("/")
        names = (name.split("/") for name in (self.name, self.point.name))
        return any(len(parts) <= len(name) and all(map(_is_named, name, parts)) for name in names)


def _is_named(part: str, wanted: str) -> bool:
    return wanted.replace("*", part.partition("@")[0]) == part


def _name(first: str, sparsity: int, precision: str | None) -> str:
    return "/".join([first, f"s{sparsity:02d}", *([precision] if precision else [])])


def named(name: str, seed: int = 1) -> Cell:
    """The cell or variant with this name, which must be a whole one; `seed` is that of a name without one."""
    first, sparsity, *precision = name.split("/")
    architecture, _, own = first.partition("@")
    return Cell(architecture, int(own or seed), int(sparsity.removeprefix("s")), *precision)


def shortest(chosen: Collection[Cell], grid: Iterable[Cell]) -> list[str]:
    """The fewest names that select these cells of `grid`: `mobilenet_v2@1` instead of all that are below it."""
    cells = list(grid)
    found: dict[str, None] = {}
    for cell in (cell for cell in cells if cell in chosen):
        above = [f"{cell.architecture}@{cell.seed}", cell.variant.name, cell.name]
        found[next(name for name in above if all(one in chosen for one in cells if one.matches(name)))] = None
    return list(found)


def parse_pattern(text: str, own: Iterable[str] = ()) -> str:
    """Check a name such as `mobilenet_v2`, `mobilenet_v2@2`, `mobilenet_v2/s60` or `mobilenet_v2/s60/int8` and return it.

    `*` is any network or sparsity: `*/s60`, `mobilenet_v2/*/int8`. Networks are the kit's, or the user's `own`.
    Raises KitError for a part that does not exist, with the nearest name that does.
    """
    first, _, rest = text.strip("/").partition("/")
    name, at, seed = first.partition("@")
    if name not in (known := [*architectures.ARCHITECTURES, *own]) and name != "*":
        raise unknown("architecture", name, known)
    if at and not re.fullmatch(r"\d{1,9}", seed):
        raise KitError(f"{seed!r} is not a seed", f"write it like {name}@1")
    sparsity, _, precision = rest.partition("/")
    if rest and not re.fullmatch(r"s\d\d|\*", sparsity):
        raise KitError(f"{sparsity!r} is not a sparsity", "write it like s00, s30, s60 or s90")
    if precision and precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    return text.strip("/")


def compression(cell: Cell | Point) -> str:
    """How a cell's weights were compressed before conversion, as running text and figures say it: `60 %`."""
    return f"{cell.sparsity} %"


def label(cell: Cell | Point) -> str:
    """What a cell is called in running text: `MobileNetV2, 60 %, int8`."""
    parts = [architectures.label(cell.architecture), compression(cell)]
    return ", ".join([*parts, cell.precision] if cell.precision else parts)
