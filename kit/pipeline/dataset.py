"""Data sets: obtained, checked by content, put in one order whatever container they came in, and kept as one file."""

from __future__ import annotations

from pathlib import Path

from kit.errors import KitError
from kit.pipeline.splits import Data, Split, canonical, content_digest
from kit.records import store
from kit.study.datasets import Dataset, dataset

FILE = "images.safetensors"


def digests(data: Dataset) -> dict[str, str]:
    """The content digests as inputs of a stage's record."""
    return {"dataset:train": data.train_digest, "dataset:test": data.test_digest}


def location(folder: Path, name: str) -> Path:
    return folder / name / FILE


def prepare(folder: Path, name: str, archive: Path | None = None) -> Path:
    """Make sure that the prepared data set is in `folder`, from `archive`, the embedded images or the official address.

    Raises KitError where the images are not those of the data set, and where there is no way to get them.
    """
    target = location(folder, name)
    if target.is_file() and archive is None:
        return target
    data = _check(dataset(name), _obtain(name, folder, archive))
    tensors = {
        "train_images": data.train.images,
        "train_labels": data.train.labels,
        "test_images": data.test.images,
        "test_labels": data.test.labels,
    }
    from safetensors.numpy import save

    store.write(target, save(tensors))
    return target


def _obtain(name: str, folder: Path, archive: Path | None) -> Data:
    if name == "digits":
        if archive is not None:
            raise KitError("digits come with scikit-learn", "leave --archive out")
        return _digits()
    from kit.pipeline import cifar

    return cifar.read(archive) if archive else cifar.read(cifar.download(folder))


def _check(known: Dataset, data: Data) -> Data:
    for split, expected, label in (
        (data.train, known.train_digest, "training"),
        (data.test, known.test_digest, "test"),
    ):
        if content_digest(split) != expected:
            raise KitError(
                f"the {label} images are not those of {known.label}",
                "the content digest differs; get the archive again or another copy of it",
            )
    return Data(canonical(data.train), canonical(data.test))


def _digits() -> Data:
    """scikit-learn's 1,797 digits (8x8, 0..16) as 32x32x3 uint8; every fifth in canonical order is a test image."""
    import numpy as np
    from sklearn.datasets import load_digits

    raw = load_digits()
    grey = np.round(raw.images * (255 / 16)).astype(np.uint8)
    images = np.repeat(grey.repeat(4, axis=1).repeat(4, axis=2)[..., None], 3, axis=3)
    both = canonical(Split(images, raw.target.astype(np.uint8)))
    is_test = np.arange(len(both)) % 5 == 0
    return Data(
        Split(both.images[~is_test], both.labels[~is_test]),
        Split(both.images[is_test], both.labels[is_test]),
    )


def load(folder: Path, name: str) -> Data:
    """The prepared data set. Raises KitError where it is not there or not whole."""
    path = location(folder, name)
    if not path.is_file():
        raise KitError(f"no {name} in {folder}", f"get it with `kit data {name}`")
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(path)
        return Data(
            Split(tensors["train_images"], tensors["train_labels"]),
            Split(tensors["test_images"], tensors["test_labels"]),
        )
    except (SafetensorError, KeyError) as error:
        raise KitError(f"{path} is damaged", f"delete it and run `kit data {name}` again") from error
