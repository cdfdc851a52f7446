"""Pictures of a folder or of arrays, decoded in parallel into one file of raw pixels. Memory holds a few at a time."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kit import store
from kit.datasets import pictures
from kit.datasets.arrays import Part
from kit.datasets.listing import Entry
from kit.datasets.splits import image_digest, planar
from kit.errors import KitError

_BATCH = 200
_WORTH_PROCESSES = 1_000  # pictures: starting processes takes longer than reading fewer


class Decoded(NamedTuple):
    """A picture: its pixels are the `place`th in the file. `digest` is that of the image, `pixels` of its pixels alone."""

    path: str
    label: int
    is_test: bool | None
    place: int
    digest: bytes
    pixels: bytes
    width: int
    height: int
    is_grey: bool


class Refused(NamedTuple):
    """A picture that can't be read, and why."""

    path: str
    reason: str


def label_kind(classes: int) -> type[np.uint8] | type[np.uint16]:
    """The type of labels: an image's digest is over its label's bytes."""
    return np.uint8 if classes <= 256 else np.uint16


def from_folder(root: Path, entries: Sequence[Entry], size: int, classes: int, raw: Path) -> Iterator[Decoded | Refused]:
    """Decode pictures into `raw`, in processes where there are many. Raises KitError if a picture kills its process."""
    raw.touch()
    do = partial(_batch, root, size, classes, raw)
    starts = range(0, len(entries), _BATCH)
    batches = [(start, entries[start : start + _BATCH]) for start in starts]
    if len(entries) < _WORTH_PROCESSES:
        for found in map(do, batches):
            yield from found
        return
    count = len(os.sched_getaffinity(0))
    try:
        with ProcessPoolExecutor(count, multiprocessing.get_context("spawn")) as pool:
            for found in pool.map(do, batches):
                yield from found
    except BrokenProcessPool as error:
        raise KitError(
            f"a process that read pictures of {root} was killed",
            "there may be too little memory; run the same command again",
        ) from error


def _batch(root: Path, size: int, classes: int, raw: Path, batch: tuple[int, Sequence[Entry]]) -> list[Decoded | Refused]:
    start, entries = batch
    with store.writing(raw), raw.open("r+b") as file:
        return [_one(root, entry, start + i, size, classes, file.fileno()) for i, entry in enumerate(entries)]


def _one(root: Path, entry: Entry, place: int, size: int, classes: int, descriptor: int) -> Decoded | Refused:
    if entry.refused:
        return Refused(entry.path, entry.refused)
    try:
        picture = pictures.read(root / entry.path, size)
    except ValueError as error:
        return Refused(entry.path, str(error))
    own = (picture.width, picture.height, picture.is_grey)
    return _kept(entry.path, entry.label, entry.is_test, place, picture.pixels, classes, own, descriptor)


def from_arrays(parts: Sequence[Part], size: int, classes: int, raw: Path) -> Iterator[Decoded]:
    """Resize the images of arrays into `raw`."""
    place = 0
    with store.writing(raw), raw.open("wb") as file:
        for part in parts:
            height, width = part.images.shape[1:3]
            own = (width, height, part.images.ndim == 3 or part.images.shape[3] == 1)
            for index, pixels in enumerate(part.pixels(size)):
                label, path = int(part.labels[index]), f"{part.name}[{index}]"
                yield _kept(path, label, part.is_test, place, pixels, classes, own, file.fileno())
                place += 1


def _kept(
    path: str,
    label: int,
    is_test: bool | None,
    place: int,
    pixels: NDArray[np.uint8],
    classes: int,
    own: tuple[int, int, bool],
    descriptor: int,
) -> Decoded:
    """Write the pixels, and say what they are."""
    content, at = pixels.tobytes(), place * pixels.nbytes
    while content:  # a disk that fills up takes a part of it first
        count = os.pwrite(descriptor, content, at)
        content, at = content[count:], at + count
    planes = planar(pixels)
    digest = image_digest(label_kind(classes)(label).tobytes(), planes)
    return Decoded(path, label, is_test, place, digest, hashlib.sha256(planes).digest(), *own)
