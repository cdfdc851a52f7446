"""Labelled images: a split, the two of a data set, and what identifies them whatever container and order they came in."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    import numpy as np

    Images = np.ndarray[tuple[int, int, int, int], np.dtype[np.uint8]]
    Labels = np.ndarray[tuple[int], np.dtype[np.uint8]]


class Split(Struct, frozen=True):
    """`images`: uint8, n x 32 x 32 x 3, RGB. `labels`: uint8, n."""

    images: Images
    labels: Labels

    def __getitem__(self, part: slice) -> Split:
        return Split(self.images[part], self.labels[part])

    def __len__(self) -> int:
        return len(self.labels)


class Data(Struct, frozen=True):
    """A prepared data set. Both splits are in canonical order: sorted by each image's digest, so never by class."""

    train: Split
    test: Split

    def held_out(self, validation_images: int) -> tuple[Split, Split]:
        """What to train on, and what to select the best epoch on: held-out training images, or, with 0, the test set."""
        if validation_images == 0:
            return self.train, self.test
        return self.train[validation_images:], self.train[:validation_images]


def image_digests(split: Split) -> list[bytes]:
    """For each image the SHA-256 of its label byte followed by its 3072 bytes in planar order (R, then G, then B)."""
    planar = split.images.transpose(0, 3, 1, 2).reshape(len(split), -1)
    return [hashlib.sha256(bytes([label]) + row.tobytes()).digest() for label, row in zip(split.labels, planar, strict=True)]


def content_digest(split: Split) -> str:
    """SHA-256 over the sorted image digests: the same for the same images in any container and any order."""
    return hashlib.sha256(b"".join(sorted(image_digests(split)))).hexdigest()


def canonical(split: Split) -> Split:
    """The split sorted by image digest."""
    keys = image_digests(split)
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return Split(split.images[order], split.labels[order])
