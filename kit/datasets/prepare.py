"""Data sets: obtained, checked by content, sorted into one order whatever their format, and kept as one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from kit import store
from kit.datasets.splits import Data, Split, damaged, digest_over, image_digests, in_order
from kit.errors import KitError
from kit.study import datasets
from kit.study.datasets import Dataset, OwnDataset

if TYPE_CHECKING:
    from kit.datasets.looked import Looked

FILE = "images.safetensors"
_OFFICIAL = "train_official_order"


def digests(data: Dataset) -> dict[str, str]:
    """The content digests as inputs of a stage's record."""
    return {"dataset:train": data.train_digest, "dataset:test": data.test_digest}


def location(folder: Path, source: str | OwnDataset) -> Path:
    """The file or, of a user's own data set, the folder that has its prepared images."""
    if isinstance(source, OwnDataset):
        from kit.datasets import own

        return own.location(folder, source)
    return folder / source / FILE


def prepare(folder: Path, source: str | OwnDataset, archive: Path | None = None, check: bool = False) -> Path:
    """Make sure that `folder` has the prepared data set, from `archive`, the embedded images, the official URL or the user's
    pictures. With `check` what is there already is read, and made again if it is damaged; `load` refuses it.

    Raises KitError if the images are not those of the data set, or if there is no way to get them.
    """
    target = location(folder, source)
    if isinstance(source, OwnDataset):
        return _prepare_own(folder, source, archive, check)
    name = source
    if archive is None and (is_whole(folder, name) if check else is_prepared(folder, name)):
        return target
    data = _check(datasets.get(name), *_obtain(name, folder, archive))
    tensors = {
        "train_images": data.train.images,
        "train_labels": data.train.labels,
        "test_images": data.test.images,
        "test_labels": data.test.labels,
    } | ({} if data.official is None else {_OFFICIAL: data.official})
    from safetensors.numpy import save

    store.write(target, save(tensors))
    return target


def _prepare_own(folder: Path, source: OwnDataset, archive: Path | None, check: bool) -> Path:
    from kit.datasets import own

    if archive is not None:
        raise KitError(f"{source.source} is no archive", "leave --archive out")
    own.prepare(folder, source, check)
    return own.location(folder, source)


def looked(folder: Path, source: OwnDataset) -> Looked:
    """What was found in a user's pictures. Raises KitError if they aren't prepared."""
    from kit.datasets import own

    there = own.looked(folder, source)
    if there is None:
        raise KitError(f"the images of {source.source} are not in {folder}", f"read them with `{command(source)}`")
    return there


def settled(folder: Path, source: OwnDataset) -> OwnDataset:
    """The data set with what was found in its pictures, if they are prepared as they are now."""
    from kit.datasets import own

    there = own.current(folder, source)
    return source if there is None else msgspec.structs.replace(source, found=there.found)


def counted(source: OwnDataset) -> OwnDataset:
    """A data set that isn't prepared, with counts that may be a little off, and without digests. No picture is opened."""
    from kit.datasets import own

    return msgspec.structs.replace(source, found=own.counted(source))


def is_prepared(folder: Path, source: str | OwnDataset) -> bool:
    return location(folder, source).exists()


def is_whole(folder: Path, source: str | OwnDataset) -> bool:
    """Whether the prepared images are those of the data set. Reads all."""
    try:
        load(folder, source)
    except KitError:
        return False
    return True


def command(source: str | OwnDataset) -> str:
    """What gets the images."""
    return source.command if isinstance(source, OwnDataset) else f"kit data {source}"


def knows_official_order(folder: Path, name: str | OwnDataset) -> bool:
    """Whether the prepared data set has the order in which it is published. Reads the file's header only."""
    if isinstance(name, OwnDataset):
        return False
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(location(folder, name), "numpy") as file:
            return _OFFICIAL in file.keys()  # noqa: SIM118 - it is no dict
    except (OSError, SafetensorError):
        return False


def _obtain(name: str, folder: Path, archive: Path | None) -> tuple[Data, bool]:
    """The images in the order they come in, and whether that is the one in which the data set is published."""
    from kit.datasets import cifar10, digits

    readers = {"cifar10": cifar10.obtain, "digits": digits.obtain}
    return readers[name](folder, archive)


def _check(known: Dataset, data: Data, is_official: bool) -> Data:
    """The data set in canonical order. Raises KitError if the images are not its own."""
    import numpy as np

    train = _canonical_order(data.train, known.train_digest, f"training images are not those of {known.label}")
    test = _canonical_order(data.test, known.test_digest, f"test images are not those of {known.label}")
    places = np.argsort(train).astype(np.int32) if is_official else None
    return Data(data.train.taken(train), data.test.taken(test), places)


def _canonical_order(split: Split, expected: str, wrong: str) -> list[int]:
    each = image_digests(split)
    if digest_over(each) != expected:
        raise KitError(f"the {wrong}", "the content digest differs; get the archive again or another copy of it")
    return in_order(each)


def load(folder: Path, source: str | OwnDataset) -> Data:
    """The prepared data set, every image of it checked. Raises KitError if it is missing or damaged."""
    if isinstance(source, OwnDataset):
        from kit.datasets import own

        return own.load(folder, source)
    path = location(folder, source)
    if not path.is_file():
        raise KitError(f"no {source} in {folder}", f"get it with `{command(source)}`")
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(path)
        data = Data(
            Split(tensors["train_images"], tensors["train_labels"]),
            Split(tensors["test_images"], tensors["test_labels"]),
            tensors.get(_OFFICIAL),
        )
    except (SafetensorError, KeyError) as error:
        raise damaged(path, command(source)) from error
    if not data.is_whole(datasets.get(source)):
        raise damaged(path, command(source))
    return data
