"""TFLite metadata: what a .tflite file says about its input and its classes, so that other programs need nothing else.

A flatbuffer of its own (`metadata_schema.fbs` of TensorFlow Lite Support, identifier M001) in a buffer that is called
TFLITE_METADATA; the labels are a file in a ZIP archive behind the model.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Sequence

import flatbuffers
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import number_types
from flatbuffers.table import Table
from msgspec import Struct

from kit.errors import KitError

LABELS = "labels.txt"
NAME, _IDENTIFIER, _MODEL = b"TFLITE_METADATA", b"M001", b"TFL3"
AXIS_LABELS, _RGB, _IMAGE, NORMALIZATION = 2, 1, 2, 1  # values of its enumerations and unions
_ALIGNED = 16  # what the schema forces buffers to
_MODEL_FIELDS = 8  # of a model: a later schema may have more, which would be lost


class About(Struct, frozen=True):
    """What a classifier of images wants, and what its numbers mean. The input is pixel (0 to 255) * `scale` + `offset`, of
    one value or one for each channel."""

    labels: tuple[str, ...]
    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    name: str = ""
    description: str = ""
    author: str = ""
    licence: str = ""


def add(model: bytes, about: About) -> bytes:
    """The .tflite file with metadata. Its own bytes stay as they are, behind a new root.

    Raises KitError for a model whose root has fields that this kit does not know, and for one that has metadata already.
    """
    old = schema.Model.GetRootAs(model, 0)
    kept = [old.Metadata(index) for index in range(old.MetadataLength())]
    if _field_count(old._tab) > _MODEL_FIELDS or any(entry.Name() == NAME for entry in kept):
        raise KitError("the model has metadata already, or a newer format", "give it to others as it is")
    blob = model + bytes(-len(model) % _ALIGNED)
    builder = flatbuffers.Builder(len(blob) + 100_000)
    builder.Prep(_ALIGNED, 0)
    builder.head -= len(blob)
    builder.Bytes[builder.head : builder.head + len(blob)] = blob

    def same(position: int) -> int:
        """What lies at a position of the old file, as the builder counts: from the end."""
        return len(blob) - position

    buffers = [same(old.Buffers(index)._tab.Pos) for index in range(old.BuffersLength())]
    entries = [same(entry._tab.Pos) for entry in kept]
    content = _bytes(builder, _content(about))
    schema.BufferStart(builder)
    schema.BufferAddData(builder, content)
    buffers.append(schema.BufferEnd(builder))
    name = builder.CreateString(NAME.decode())
    schema.MetadataStart(builder)
    schema.MetadataAddName(builder, name)
    schema.MetadataAddBuffer(builder, len(buffers) - 1)
    entries.append(schema.MetadataEnd(builder))
    all_buffers, all_entries = _offsets(builder, buffers), _offsets(builder, entries)
    schema.ModelStart(builder)
    schema.ModelAddVersion(builder, old.Version())
    for slot, add_field in _COPIED.items():
        if field := old._tab.Offset(slot):
            add_field(builder, same(old._tab.Indirect(old._tab.Pos + field)))
    schema.ModelAddBuffers(builder, all_buffers)
    schema.ModelAddMetadata(builder, all_entries)
    builder.Finish(schema.ModelEnd(builder), _MODEL)
    return _with_file(bytes(builder.Output()), LABELS, "".join(f"{label}\n" for label in about.labels))


_COPIED: dict[int, Callable[[flatbuffers.Builder, int], None]] = {
    6: schema.ModelAddOperatorCodes,
    8: schema.ModelAddSubgraphs,
    10: schema.ModelAddDescription,
    14: schema.ModelAddMetadataBuffer,
    18: schema.ModelAddSignatureDefs,
}


def _field_count(table: Table) -> int:
    vtable = table.Pos - table.Get(number_types.SOffsetTFlags, table.Pos)
    return int(table.Get(number_types.VOffsetTFlags, vtable) - 4) // 2


def _offsets(builder: flatbuffers.Builder, targets: Sequence[int]) -> int:
    builder.StartVector(4, len(targets), 4)
    for target in reversed(targets):
        builder.PrependUOffsetTRelative(target)
    return int(builder.EndVector())


def _bytes(builder: flatbuffers.Builder, content: bytes) -> int:
    builder.StartVector(1, len(content), _ALIGNED)
    builder.head -= len(content)
    builder.Bytes[builder.head : builder.head + len(content)] = content
    return int(builder.EndVector())


def _with_file(model: bytes, name: str, text: str) -> bytes:
    stream = io.BytesIO(model)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text)
    return stream.getvalue()


def _content(about: About) -> bytes:
    """The tables of the metadata, from the inner ones to the root."""
    builder = flatbuffers.Builder(4096)

    def table(*fields: tuple[int, str, float]) -> int:
        builder.StartObject(max(slot for slot, _, _ in fields) + 1)
        for slot, kind, value in fields:
            if kind == "offset":
                builder.PrependUOffsetTRelativeSlot(slot, int(value), 0)
            else:
                builder.PrependByteSlot(slot, int(value), 0)
        return int(builder.EndObject())

    def floats(values: Iterable[float]) -> int:
        given = list(values)
        builder.StartVector(4, len(given), 4)
        for value in reversed(given):
            builder.PrependFloat32(value)
        return int(builder.EndVector())

    def text(value: str) -> int:
        return int(builder.CreateString(value))

    each = list(zip(about.scale, about.offset, strict=True))
    mean, std = floats(0.0 - offset / scale for scale, offset in each), floats(1 / scale for scale in about.scale)
    normalization = table((0, "offset", mean), (1, "offset", std))
    unit = table((0, "byte", NORMALIZATION), (1, "offset", normalization))
    content = table((0, "byte", _IMAGE), (1, "offset", table((0, "byte", _RGB))))
    ranges = [sorted((offset, 255 * scale + offset)) for scale, offset in each]
    high, low = floats(most for _, most in ranges), floats(least for least, _ in ranges)
    stats = table((0, "offset", high), (1, "offset", low))
    units = _offsets(builder, [unit])
    source = table(
        (0, "offset", text("image")),
        (1, "offset", text("the picture")),
        (3, "offset", content),
        (4, "offset", units),
        (5, "offset", stats),
    )
    file = table((0, "offset", text(LABELS)), (1, "offset", text("the classes, in order")), (2, "byte", AXIS_LABELS))
    files, feature = _offsets(builder, [file]), table((0, "byte", 1), (1, "offset", table((0, "byte", 0))))
    sink = table(
        (0, "offset", text("probability")),
        (1, "offset", text("of each class")),
        (3, "offset", feature),
        (6, "offset", files),
    )
    graph = table((2, "offset", _offsets(builder, [source])), (3, "offset", _offsets(builder, [sink])))
    root = table(
        (0, "offset", text(about.name)),
        (1, "offset", text(about.description)),
        (3, "offset", _offsets(builder, [graph])),
        (4, "offset", text(about.author)),
        (5, "offset", text(about.licence)),
        (7, "offset", text("1.0.0")),
    )
    builder.Finish(root, _IDENTIFIER)
    return bytes(builder.Output())
