"""Labelled images: a split, the two of a data set, and what identifies them whatever container and order they came in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from kit.errors import KitError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from kit.study.datasets import Dataset

    Images = np.ndarray[tuple[int, int, int, int], np.dtype[np.uint8]]
    Labels = np.ndarray[tuple[int], np.dtype[np.uint8] | np.dtype[np.uint16]]
    Order = np.ndarray[tuple[int], np.dtype[np.int32]]


_HASHED = 500  # images at once


class Split(Struct, frozen=True):
    """`images`: uint8, n x size x size x 3, RGB. `labels`: n, uint8, or uint16 with more than 256 classes."""

    images: Images
    labels: Labels

    def __getitem__(self, part: slice) -> Split:
        return Split(self.images[part], self.labels[part])

    def __len__(self) -> int:
        return len(self.labels)

    def taken(self, places: Sequence[int] | Order) -> Split:
        """The images at these places, in their order."""
        return Split(self.images[places], self.labels[places])

    def is_whole(self, size: int, digest: str) -> bool:
        """Whether it is the split with this content digest, of images `size` pixels wide and high, in canonical order."""
        fits = self.labels.ndim == 1 and self.images.shape == (*self.labels.shape, size, size, 3)
        return fits and hashlib.sha256(b"".join(image_digests(self))).hexdigest() == digest


class Data(Struct, frozen=True):
    """A prepared data set. Both splits are in canonical order: sorted by each image's digest, so never by class.

    `official` (n,), int32, has the places of the training images in the order in which the data set is published: its first
    is the place here of the image that is first there. None where the archive's order is not known to be that one.
    """

    train: Split
    test: Split
    official: Order | None = None

    def is_whole(self, known: Dataset) -> bool:
        """Whether these are the images of that data set, each once and in their places: a disk may have lost some."""
        return (
            self.train.is_whole(known.image_size, known.train_digest)
            and self.test.is_whole(known.image_size, known.test_digest)
            and (self.official is None or sorted(self.official.tolist()) == list(range(len(self.train))))
        )

    def held_out(self, validation_images: int) -> tuple[Split, Split]:
        """What to train on, and what to select the best epoch on: held-out training images, or, with 0, the test set."""
        if validation_images == 0:
            return self.train, self.test
        return self.train[validation_images:], self.train[:validation_images]

    def calibration(self, count: int, validation_images: int, order: Literal["canonical", "official"]) -> Images:
        """The first `count` of the images to train on, in that order. Raises KitError if the official one is unknown."""
        if order == "canonical":
            return self.held_out(validation_images)[0].images[:count]
        if self.official is None:
            raise KitError("the official order of the images is unknown", "give `kit data` the official archive")
        return self.train.taken(self.official[self.official >= validation_images][:count]).images


def damaged(path: Path, command: str) -> KitError:
    """What to say of prepared images that are no longer what they were; the command makes them again."""
    return KitError(f"{path} is damaged", f"`{command}` makes it again")


def image_digests(split: Split) -> list[bytes]:
    """The digest of each image."""
    digests: list[bytes] = []
    for start in range(0, len(split), _HASHED):
        part = split[start : start + _HASHED]
        planes = part.images.transpose(0, 3, 1, 2).tobytes()  # one by one takes twice as long
        size = len(planes) // len(part)
        digests += [image_digest(one.tobytes(), planes[i * size : (i + 1) * size]) for i, one in enumerate(part.labels)]
    return digests


def planar(image: np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]) -> bytes:
    """Its bytes plane by plane: R, then G, then B."""
    return image.transpose(2, 0, 1).tobytes()


def image_digest(label: bytes, pixels: bytes) -> bytes:
    """SHA-256 of an image's label, one byte (two, the lower first, with more than 256 classes), and its planar bytes."""
    return hashlib.sha256(label + pixels).digest()


def content_digest(split: Split) -> str:
    """The content digest of a split."""
    return digest_over(image_digests(split))


def digest_over(images: Iterable[bytes]) -> str:
    """SHA-256 over the sorted image digests: the same for the same images in any container and any order."""
    return hashlib.sha256(b"".join(sorted(images))).hexdigest()


def canonical_order(split: Split) -> list[int]:
    """The places of the split's images, sorted by image digest."""
    return in_order(image_digests(split))


def in_order(images: Sequence[bytes]) -> list[int]:
    """The places of the images with these digests, sorted by them."""
    return sorted(range(len(images)), key=images.__getitem__)


def canonical(split: Split) -> Split:
    """The split sorted by image digest."""
    return split.taken(canonical_order(split))
