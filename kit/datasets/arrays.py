"""Images and labels out of an .npz file, as MNIST, MedMNIST and many others come. No pickle is loaded."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kit.datasets.pictures import resized
from kit.errors import KitError
from kit.study.datasets import MOST_CLASSES

_NAMES = (("x_train", "y_train", False), ("x_test", "y_test", True))
_OTHER_NAMES = (("train_images", "train_labels", False), ("test_images", "test_labels", True))
_UNDIVIDED = (("x", "y", None), ("images", "labels", None))
_MOST_BYTES = 8 * 2**30


class Part(NamedTuple):
    """`images`: uint8, n x height x width (x 1 or 3). `labels`: n integers from 0. `name` is what the file calls them."""

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.integer[Any]]
    is_test: bool | None

    def pixels(self, size: int) -> Iterator[NDArray[np.uint8]]:
        """Each image in RGB, resized."""
        for image in self.images:
            flat = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
            yield np.asarray(resized(Image.fromarray(flat), (size, size)))


def read(path: Path) -> tuple[tuple[str, ...], list[Part]]:
    """The classes and the parts of an .npz file: `x_train`, `y_train`, `x_test`, `y_test`, or `x` and `y`, and where it has
    them the names of `classes`. Raises KitError if it is none."""
    if not path.is_file():
        raise KitError(f"no file at {path}", "name an .npz file with x_train, y_train, x_test and y_test")
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MOST_BYTES:
                raise KitError(f"{path} is refused", f"it unpacks to more than {_MOST_BYTES >> 30} GiB")
        with np.load(path, allow_pickle=False) as arrays:
            parts = [_part(path, arrays, *names) for names in _layout(path, set(arrays.files))]
            names = _names(path, arrays["classes"]) if "classes" in arrays.files else None
    except KitError:
        raise
    except Exception as error:  # a hostile file makes zipfile and numpy raise anything
        raise KitError(f"{path} can't be read ({error})", "write it with numpy.savez_compressed") from error
    return _classes(path, parts, names), parts


def _layout(path: Path, names: set[str]) -> tuple[tuple[str, str, bool | None], ...]:
    for layout in (_NAMES, _OTHER_NAMES, *((one,) for one in _UNDIVIDED)):
        if all({images, labels} <= names for images, labels, _ in layout):
            return layout
    raise KitError(f"{path} has no x_train, y_train, x_test and y_test, nor x and y", f"it has {', '.join(sorted(names))}")


def _part(path: Path, arrays: np.lib.npyio.NpzFile, name: str, labels_name: str, is_test: bool | None) -> Part:
    images, labels = arrays[name], arrays[labels_name]
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if images.dtype != np.uint8:
        wrong = f"{name} of {path} is {images.dtype}, not uint8"
        raise KitError(wrong, "scale it to 0 to 255, and convert it with .astype(numpy.uint8)")
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in (1, 3)):
        raise KitError(f"{name} of {path} is {images.shape}", "make it n x height x width, or x 1 or 3 channels more")
    if labels.dtype.kind not in "iu" or labels.shape != (len(images),) or not len(images):
        raise KitError(f"{labels_name} of {path} has no whole number for each image of {name}", "number the classes from 0")
    return Part(name, images, labels, is_test)


def _names(path: Path, names: NDArray[np.generic]) -> list[str]:
    if names.ndim != 1 or names.dtype.kind not in "US":
        wrong = f"`classes` of {path} is no list of text but {names.dtype} of shape {names.shape}"
        raise KitError(wrong, "give the names of the classes, in the order of their numbers")
    try:
        return [name.decode() if isinstance(name, bytes) else name for name in names.tolist()]
    except UnicodeDecodeError as error:
        raise KitError(f"`classes` of {path} is not UTF-8 ({error})", "give the names of the classes as text") from error


def _classes(path: Path, parts: list[Part], names: list[str] | None) -> tuple[str, ...]:
    highest = max(int(part.labels.max()) for part in parts)
    lowest = min(int(part.labels.min()) for part in parts)
    found = tuple(names) if names is not None else tuple(map(str, range(highest + 1)))
    if lowest < 0 or highest >= len(found) or not 2 <= len(found) <= MOST_CLASSES or len(set(found)) < len(found):
        wrong = f"{path} has labels from {lowest} to {highest}, and {len(found)} classes"
        raise KitError(wrong, f"number 2 to {MOST_CLASSES:,} classes from 0")
    if not all(name.isprintable() and name for name in found):
        raise KitError(f"{path} has a class without a printable name", "name its `classes` otherwise")
    return found
