"""The predictions of a cell: what is stored for each image, and every count derived from it.

int8 networks often give several classes the very same probability. A tie is data, not noise to be broken: what is kept says
which classes tie for the first place, and how many stand above and beside the true class. From that follow

- the *fair* value of an accuracy: what an even draw among the tied classes gives on average;
- the value *as the study counted*: for top-k every class that ties with the k-th is a hit (Keras'
  `top_k_categorical_accuracy`), and for accuracy by class the highest class wins (`argsort`, and its last entry);
- one *answer* an image, for tests that need one: drawn by a hash of the image's place, the same for every cell and device.

`kit.runs.counts` counts them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kit import store
from kit.errors import KitError
from kit.runs.artifacts import TEST_PREDICTIONS

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_OLD_CLASSES = 10  # of files that do not say it


class Ties(Struct, frozen=True):
    """Which classes tie. Counts and classes are uint8 (uint16 where there are more than 255 classes).

    `above` (n,): classes more probable than the true one. `level` (n,): classes as probable as it, itself among them.
    `images` (m,), uint32: the images whose first place is shared. `first` (m, ceil(classes / 8)), uint8: the classes that
    share it, a bit each, class 0 the highest bit of the first byte, as numpy packs them.
    """

    above: Array
    level: Array
    images: Array
    first: Array


class Predictions(Struct, frozen=True):
    """Those of n images. `label` (n,) and `top3` (n, 3), best first and ties to the lower class: uint8 or uint16.

    `true_probability` (n,), float32, is that of the true class. Older runs kept no ties: None.
    """

    classes: int
    label: Array
    top3: Array
    true_probability: Array
    ties: Ties | None = None


def keep(probabilities: Array, labels: Array) -> Predictions:
    """What is kept of `probabilities` (n, classes), float32, of images with these `labels` (n,). NaN counts as 0."""
    import numpy as np

    given = np.nan_to_num(probabilities, nan=0.0)
    classes = given.shape[1]
    kind = np.min_scalar_type(classes)
    true = given[np.arange(len(labels)), labels][:, None]
    first = given == given.max(axis=1, keepdims=True)
    shared = np.flatnonzero(first.sum(axis=1) > 1)
    ties = Ties(
        above=(given > true).sum(axis=1).astype(kind),
        level=(given == true).sum(axis=1).astype(kind),
        images=shared.astype(np.uint32),
        first=np.packbits(first[shared], axis=1),
    )
    top3 = np.argsort(-given, axis=1, kind="stable")[:, :3].astype(kind)
    return Predictions(classes, labels.astype(kind), top3, true[:, 0].astype(np.float32), ties)


def join(parts: Sequence[Predictions]) -> Predictions:
    """Chunks of one split, in order, as one."""
    import numpy as np

    def whole(name: str, of: Sequence[object] = parts) -> Array:
        return np.concatenate([getattr(part, name) for part in of])

    starts = np.cumsum([0, *(len(part.label) for part in parts[:-1])]).astype(np.uint32)
    ties = [part.ties for part in parts]
    images = np.concatenate([tie.images + start for tie, start in zip(ties, starts, strict=True) if tie])
    joined = Ties(whole("above", ties), whole("level", ties), images, whole("first", ties))
    return Predictions(parts[0].classes, whole("label"), whole("top3"), whole("true_probability"), joined)


def encode(splits: dict[str, Predictions]) -> bytes:
    """The file's content: a tensor for each field of each split."""
    import numpy as np
    from safetensors.numpy import save

    tensors: dict[str, Array] = {}
    for name, split in splits.items():
        tensors[f"{name}/classes"] = np.array([split.classes], np.uint16)
        for part in (split, split.ties):
            fields = part.__struct_fields__ if part else ()
            tensors |= {f"{name}/{field}": getattr(part, field) for field in fields if field not in ("classes", "ties")}
    return bytes(save(tensors))


def decode(content: bytes) -> dict[str, Predictions]:
    """The splits of a file, of this version or of the one without ties. Raises ValueError if it is not such a file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(content)
        return {name: _split(tensors, name) for name in sorted({key.partition("/")[0] for key in tensors})}
    except (KeyError, SafetensorError) as error:
        raise ValueError(str(error)) from error


def _split(tensors: dict[str, Array], name: str) -> Predictions:
    own = {key.partition("/")[2]: value for key, value in tensors.items() if key.startswith(f"{name}/")}
    ties = Ties(own["above"], own["level"], own["images"], own["first"]) if "above" in own else None
    said = own.get("classes")
    if said is not None and (said.dtype.kind, said.shape) != ("u", (1,)):
        raise ValueError(f"{name}/classes is not one number")
    classes = _OLD_CLASSES if said is None else int(said[0])
    split = Predictions(classes, own["label"], own["top3"], own["true_probability"], ties)
    if not _fits(split):
        raise ValueError(f"the tensors of {name} do not fit together")
    return split


def _fits(split: Predictions) -> bool:
    """Whether the tensors are of as many images and classes, and name none beyond them."""
    import numpy as np

    def holds(array: Array, shape: tuple[int, ...], least: int, most: int) -> bool:
        is_whole = array.dtype.kind == "u" and array.shape == shape
        return is_whole and bool(((array >= least) & (array <= most)).all())

    n, classes, ties = split.label.size, split.classes, split.ties
    is_sound = (
        n > 0
        and holds(split.label, (n,), 0, classes - 1)
        and holds(split.top3, (n, min(3, classes)), 0, classes - 1)
        and split.true_probability.shape == (n,)
        and bool(np.isfinite(split.true_probability).all())
    )
    if not is_sound or ties is None:
        return is_sound
    shared = ties.images.size
    return (
        holds(ties.above, (n,), 0, classes - 1)
        and holds(ties.level, (n,), 1, classes)
        and holds(ties.images, (shared,), 0, n - 1)
        and np.unique(ties.images).size == shared
        and holds(ties.first, (shared, math.ceil(classes / 8)), 0, 255)
        and bool((unpacked(split).sum(axis=1) > 1).all())
    )


def read(path: Path) -> dict[str, Predictions]:
    """The splits of the file at `path`, packed or not. Raises KitError if it is missing or damaged."""
    content = store.read(path)
    try:
        return decode(content or b"")
    except ValueError as error:
        wrong = "is missing" if content is None else f"cannot be read ({error})"
        raise KitError(f"{path} {wrong}", "`kit reproduce` with its preset makes it again") from error


def place(path: Path) -> Path:
    """Where those of the test images are: at `path`, the whole file's, or beside it in a bundle, which keeps no others."""
    part = path.with_name(TEST_PREDICTIONS)
    return part if store.is_there(part) and not store.is_there(path) else path


def of_test_images(path: Path) -> Predictions:
    """Those of the test images; `path` is that of the whole file. Raises KitError if it is missing or damaged."""
    found = place(path)
    if (split := read(found).get("test")) is None:
        raise KitError(f"{found} has no test images", "`kit reproduce` with its preset makes it again")
    return split


def test_part(content: bytes) -> bytes:
    """Of a whole file's content that of the test images alone. Raises ValueError if it is not such a file."""
    return encode({"test": decode(content)["test"]})


def fair(split: Predictions, k: int = 1) -> Array:
    """The chance of each image (n,), float64, that the true class is among k where ties are drawn evenly.

    With `above` classes before the true one and `level` beside it that is (k - above) / level, within 0 and 1. Where ties
    are unknown it is 0 or 1, by what was kept (k is 1 or 3).
    """
    import numpy as np

    if split.ties is None:
        return np.asarray((split.top3[:, :k] == split.label[:, None]).any(axis=1), np.float64)
    above, level = split.ties.above.astype(np.float64), split.ties.level.astype(np.float64)
    return np.asarray(np.clip((k - above) / level, 0, 1))


def answers(split: Predictions) -> Array:
    """One class for each image (n,): the most probable; among those that tie the one that the image's hash draws."""
    import numpy as np

    chosen = split.top3[:, 0].copy()
    if split.ties is not None and len(split.ties.images):
        keys = split.ties.images[:, None].astype(np.uint64) << np.uint64(16) | np.arange(split.classes, dtype=np.uint64)
        order = np.where(unpacked(split), _hash(keys), np.iinfo(np.uint64).max)
        chosen[split.ties.images] = order.argmin(axis=1)
    return np.asarray(chosen)


def _hash(keys: Array) -> Array:
    """Mixed 64-bit keys (G. Steele, D. Lea and C. Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014)."""
    import numpy as np

    mixed = keys + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def differing(one: Predictions, other: Predictions) -> int:
    """How many images have no class that is, or shares, the first place in both: a tie broken otherwise is no difference."""
    pairs = zip(firsts(one, len(one.label)), firsts(other, len(other.label)), strict=True)
    return sum(set(a).isdisjoint(b) for a, b in pairs)


def firsts(split: Predictions, count: int) -> list[list[int]]:
    """The classes that are or share the first place, for each of the first `count` images."""
    found = [[int(best)] for best in split.top3[:count, 0]]
    if split.ties is not None:
        for image, first in zip(split.ties.images.tolist(), unpacked(split), strict=True):
            if image < count:
                found[image] = first.nonzero()[0].tolist()
    return found


def unpacked(split: Predictions) -> Array:
    """The classes that share the first place, bool (m, classes), of the images where it is shared."""
    import numpy as np

    assert split.ties is not None
    return np.unpackbits(split.ties.first, axis=1, count=split.classes).astype(bool)
