"""What a .tflite file says of itself by its metadata. It may be anybody's, and damaged."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema
from flatbuffers import encode, number_types
from flatbuffers.table import Table

from kit.deploy.metadata import AXIS_LABELS, NAME, NORMALIZATION, About

_MOST_CHANNELS = 16
_LARGEST_LABELS = 1_000_000  # bytes, unpacked


def read(path: Path) -> About | None:
    """What a .tflite file says about itself; None if it says nothing, or nothing that can be understood."""
    try:
        content = path.read_bytes()
        return _read(content, _buffer(content))
    except Exception:  # a damaged file makes the readers raise anything
        return None


def _buffer(content: bytes) -> bytes:
    model = schema.Model.GetRootAs(content, 0)
    for index in range(min(model.MetadataLength(), 100)):
        entry = model.Metadata(index)
        if entry.Name() == NAME:
            return bytes(model.Buffers(entry.Buffer()).DataAsNumpy())
    raise LookupError("no metadata")


class _Node:
    """A table of the metadata, read by the places of its fields."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def _at(self, slot: int) -> int:
        offset = self.table.Offset(4 + 2 * slot)
        if not offset:
            raise LookupError(f"no field {slot}")
        return int(offset + self.table.Pos)

    def text(self, slot: int) -> str:
        try:
            return bytes(self.table.String(self._at(slot))).decode()
        except LookupError:
            return ""

    def number(self, slot: int) -> int:
        return int(self.table.Get(number_types.Uint8Flags, self._at(slot)))

    def child(self, slot: int) -> _Node:
        return _Node(Table(self.table.Bytes, self.table.Indirect(self._at(slot))))

    def children(self, slot: int) -> list[_Node]:
        offset = self.table.Offset(4 + 2 * slot)
        if not offset:
            return []
        start, count = self.table.Vector(offset), self.table.VectorLen(offset)
        return [_Node(Table(self.table.Bytes, self.table.Indirect(start + 4 * at))) for at in range(min(count, 100))]

    def floats(self, slot: int) -> list[float]:
        field = self._at(slot) - self.table.Pos
        start, count = self.table.Vector(field), min(self.table.VectorLen(field), _MOST_CHANNELS)
        return [float(self.table.Get(number_types.Float32Flags, start + 4 * at)) for at in range(count)]


def _read(model: bytes, metadata: bytes) -> About:
    root = _Node(Table(metadata, encode.Get(number_types.UOffsetTFlags.packer_type, metadata, 0)))
    graph = root.children(3)[0]
    units = [unit for unit in graph.children(2)[0].children(4) if unit.number(0) == NORMALIZATION]
    mean, std = (units[0].child(1).floats(slot) for slot in (0, 1)) if units else ([0.0], [1.0])
    width = max(len(mean), len(std))
    each = list(zip(*(one * width if len(one) == 1 else one for one in (mean, std)), strict=True))
    scale, offset = tuple(1 / std for _, std in each), tuple(0.0 - mean / std for mean, std in each)
    if not all(map(math.isfinite, (*scale, *offset))):
        raise ValueError("no numbers")
    files = [file for sink in graph.children(3) for file in sink.children(6) if file.number(2) == AXIS_LABELS]
    labels = _unpacked(model, files[0].text(0)) if files else ""
    return About(tuple(labels.splitlines()), scale, offset, *(root.text(slot) for slot in (0, 1, 4, 5)))


def _unpacked(model: bytes, name: str) -> str:
    with zipfile.ZipFile(io.BytesIO(model)) as archive, archive.open(name) as file:
        return file.read(_LARGEST_LABELS).decode()
