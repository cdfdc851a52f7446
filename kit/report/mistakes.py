"""What a chosen cell gets wrong: its confusion matrix, and the test images that flip most, with thumbnails if asked for."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING

from msgspec import Struct

from kit.analysis.flips import Flips, confusions
from kit.analysis.material import Material
from kit.report.language import Language
from kit.report.tables.table import Table, TableRow, Value, number
from kit.study import datasets
from kit.study.grid import Point, label

if TYPE_CHECKING:
    from kit.datasets.splits import Images


MOST_CLASSES = 100  # of a matrix on a page


class Shot(Struct, frozen=True):
    """A test image that flips: what stands below it, and its picture as a data URI, empty without the data set."""

    text: str
    picture: str


class Mistakes(Struct, frozen=True):
    """One cell: `said` in words how many images flip, and `confusion` with one row a true class, in images; empty with more
    than MOST_CLASSES."""

    cell: str
    title: str
    confusion: list[list[str]]
    said: str
    shots: list[Shot]


def mistakes(
    material: Material, flipped: dict[Point, Flips], language: Language, images: Images | None = None
) -> list[Mistakes]:
    """Of each point; int8 ones first, since they have images that flip. `images` are the test images."""
    matrices = confusions(material)
    ordered = sorted(matrices, key=lambda point: (point not in flipped, list(matrices).index(point)))
    classes = datasets.get(material.run.preset.dataset).classes
    is_too_large = len(classes) > MOST_CLASSES
    return [
        Mistakes(
            cell=point.name,
            title=label(point),
            confusion=[] if is_too_large else [[language.number(value, ",.0f") for value in row] for row in matrices[point]],
            said=_said(flipped[point], language) if point in flipped else "",
            shots=_shots(flipped[point], classes, images, language) if point in flipped else [],
        )
        for point in ordered
    ]


def table(flipped: dict[Point, Flips], language: Language) -> Table:
    """How many images flip, and which flip most: one row an int8 point."""
    tr = language.tr
    headers = [
        tr("cell"), tr("trainings"), tr("answered otherwise"), tr("share"), tr("lost"), tr("gained"),
        tr("images that flip most (trainings)"),
    ]  # fmt: skip
    note = tr(
        "int8 against float32 of the same weights: test images answered otherwise, those that were right and are lost, and "
        "those that were wrong and are gained; means over trainings. Images are numbered by their place in the test set, "
        "and in brackets is in how many trainings they flip."
    )
    rows = [_row(point, found, language) for point, found in flipped.items()]
    return Table("flips", tr("Images that int8 answers otherwise"), note, headers, rows, is_long=True)


def _row(point: Point, found: Flips, language: Language) -> TableRow:
    most = ", ".join(f"{flip.image} ({flip.trainings})" for flip in found.most)
    return TableRow(
        [
            Value(point.name),
            number(language, found.trainings, ",d"),
            number(language, found.flipped, ",.0f"),
            number(language, found.flipped / found.images, ".2%"),
            number(language, found.lost, ",.0f"),
            number(language, found.gained, ",.0f"),
            Value(most),
        ],
        point,
    )


def _said(found: Flips, language: Language) -> str:
    return language.tr(
        "Of {images} test images int8 answers {flipped:,.0f} otherwise than float32: {lost:,.0f} are lost, {gained:,.0f} "
        "gained (means; trainings: {trainings}). These flip most:",
        images=found.images, flipped=found.flipped, lost=found.lost, gained=found.gained, trainings=found.trainings,
    )  # fmt: skip


def _shots(found: Flips, classes: tuple[str, ...], images: Images | None, language: Language) -> list[Shot]:
    return [
        Shot(
            language.tr(
                "{number}, {name}: {count} of {trainings}",
                number=str(flip.image), name=classes[flip.label], count=flip.trainings, trainings=found.trainings,
            ),
            "" if images is None else _png(images[flip.image]),
        )
        for flip in found.most
    ]  # fmt: skip


def _png(pixels: Images) -> str:
    """An RGB image as a data URI. Stored, not compressed: the bytes are the same with every zlib."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + pixels[y].tobytes() for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()
