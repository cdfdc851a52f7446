"""A data set of the user's own: read, divided, sorted and kept as arrays that are mapped into memory.

Beside them `looked.json` says what was found, and of which files it was made: as long as those are the same, nothing is
read again.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from kit import store
from kit.datasets import arrays, decode
from kit.datasets.decode import Decoded, Refused
from kit.datasets.listing import TEST, TRAIN, listing
from kit.datasets.looked import MOST_NAMED, Looked, Unreadable
from kit.datasets.splits import Data, Split, damaged, digest_over
from kit.errors import KitError
from kit.study import datasets
from kit.study.datasets import Found, OwnDataset

_LOOKED = "looked.json"
_MOST_UNREADABLE = 0.01
_GATHERED = 500  # images at once


def location(folder: Path, source: OwnDataset) -> Path:
    """The folder of the prepared images: another one for other settings, and for pictures that are elsewhere. If a run
    names what was found, that is enough: it may have been moved, or be a worker's, that has no pictures."""
    where = str(Path(source.source).resolve())
    settings = msgspec.structs.replace(source, folder=where if source.folder else "", arrays=where if source.arrays else "")
    settings = msgspec.structs.replace(settings, found=None)
    own = folder / f"{source.name}-{store.digest(msgspec.json.encode(settings))[:8]}"
    if source.found is None or _is_of(own, source.found):
        return own
    return next((one for one in sorted(folder.glob(f"{source.name}-*")) if _is_of(one, source.found)), own)


def _is_of(place: Path, found: Found) -> bool:
    there = _looked(place)
    return there is not None and there.found == found


def looked(folder: Path, source: OwnDataset) -> Looked | None:
    """What was found when the images were prepared; None if they aren't, or not whole."""
    return _looked(location(folder, source))


def _looked(place: Path) -> Looked | None:
    try:
        return msgspec.json.decode((place / _LOOKED).read_bytes(), type=Looked)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def current(folder: Path, source: OwnDataset) -> Looked | None:
    """What was found, unless the pictures have changed since: those that are gone have not."""
    path = Path(source.source)
    if not path.exists():
        return looked(folder, source)
    there = looked(folder, msgspec.structs.replace(source, found=None))
    return there if there and there.listing == _Read(path, source).digest else None


def prepare(folder: Path, source: OwnDataset, check: bool = False) -> Looked:
    """Make sure that `folder` has the images, as the pictures are now. Images whose pictures are gone are kept. With `check`
    those that are damaged are made again.

    Raises KitError if there is nothing to read, too much that can't be read, or a class without pictures.
    """
    if there := _usable(folder, source, check):
        return there
    read = _Read(Path(source.source), source)
    target = location(folder, msgspec.structs.replace(source, found=None))
    held = target.with_name(f".{target.name}.work")
    with store.exclusive(held):
        try:
            if there := _usable(folder, source, check):  # another kit made them meanwhile
                return there
            work = held / "new"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True)
            found = read.into(work)
            shutil.rmtree(target, ignore_errors=True)
            work.rename(target)
        finally:
            shutil.rmtree(held, ignore_errors=True)
    return found


def _usable(folder: Path, source: OwnDataset, check: bool) -> Looked | None:
    """What was found, if the images are current and, where that is to be checked, whole."""
    there = current(folder, source)
    if there is None or not check:
        return there
    try:
        load(folder, msgspec.structs.replace(source, found=there.found))
    except KitError:
        if not Path(source.source).exists():
            raise
        return None
    return there


def counted(source: OwnDataset) -> Found:
    """The classes, and about how many pictures are for training and for testing, without opening any."""
    path = Path(source.source)
    if source.folder:
        listed = listing(path)
        classes, tests = listed.classes, [one.is_test for one in listed.entries]
    else:
        classes, parts = arrays.read(path)
        tests = [part.is_test for part in parts for _ in part.labels]
    drawn = round(source.test_share * tests.count(None))
    return Found(classes, tests.count(False) + tests.count(None) - drawn, tests.count(True) + drawn, "", "")


class _Read:
    """The pictures of one source; nothing is opened before `into`."""

    def __init__(self, path: Path, source: OwnDataset) -> None:
        self._path, self._source = path, source
        if source.folder:
            self._listing = listing(path)
            self.digest = self._listing.digest
        else:
            self.digest = store.sha256(path) if path.is_file() else ""

    def into(self, work: Path) -> Looked:
        """Decode all into the arrays of a folder."""
        raw, size = work / "raw", self._source.image_size
        others: dict[str, int] = {}
        if self._source.folder:
            classes, others = self._listing.classes, self._listing.others
            outcomes = list(decode.from_folder(self._path, self._listing.entries, size, len(classes), raw))
        else:
            classes, parts = arrays.read(self._path)
            outcomes = list(decode.from_arrays(parts, size, len(classes), raw))
        refused = [one for one in outcomes if isinstance(one, Refused)]
        self._check(refused, len(outcomes))
        whole = [one for one in outcomes if isinstance(one, Decoded)]
        train, test = divided(whole, self._source.test_share, self._source.split_seed)
        self._check_classes(classes, train, test)
        for name, split in ((TRAIN, train), (TEST, test)):
            split.sort(key=lambda one: one.digest)
            _write(work, name, split, raw, size, len(classes))
        raw.unlink()
        found = self._looked(classes, train, test, refused, others)
        store.write(work / _LOOKED, msgspec.json.encode(found))
        return found

    def _check(self, refused: list[Refused], count: int) -> None:
        if len(refused) > _MOST_UNREADABLE * count:
            first = ", ".join(f"{one.path} ({one.reason})" for one in refused[:3])
            more = f" and {len(refused) - 3:,} more" if len(refused) > 3 else ""
            raise KitError(
                f"{len(refused):,} of {count:,} pictures of {self._path} can't be read: {first}{more}",
                f"replace or delete them; up to {_MOST_UNREADABLE:.0%} are left out",
            )

    def _check_classes(self, classes: Sequence[str], train: list[Decoded], test: list[Decoded]) -> None:
        for name, split in (("training", train), ("test", test)):
            if empty := sorted(set(range(len(classes))) - {one.label for one in split}):
                wrong = f"class {classes[empty[0]]!r} of {self._path} has no {name} images that can be read"
                raise KitError(wrong, "each class needs one for training and one for testing; add some, or delete the class")

    def _looked(
        self,
        classes: tuple[str, ...],
        train: list[Decoded],
        test: list[Decoded],
        refused: list[Refused],
        others: dict[str, int],
    ) -> Looked:
        by_pixels = {one.pixels: one.path for one in reversed(train)}
        twins = [(one.path, by_pixels[one.pixels]) for one in test if one.pixels in by_pixels]
        whole = [*train, *test]
        by_area = sorted(whole, key=lambda one: (one.width * one.height, one.width))
        sizes = [by_area[place] for place in (0, len(by_area) // 2, -1)]
        labels: dict[bytes, set[int]] = {}
        for one in whole:
            labels.setdefault(one.pixels, set()).add(one.label)
        return Looked(
            found=Found(
                classes, len(train), len(test), digest_over(o.digest for o in train), digest_over(o.digest for o in test)
            ),
            listing=self.digest,
            train=_by_class(train, len(classes)),
            test=_by_class(test, len(classes)),
            sizes=tuple((one.width, one.height) for one in sizes),
            grey=sum(one.is_grey for one in whole),
            unreadable=tuple(Unreadable(_printable(one.path), one.reason) for one in refused[:MOST_NAMED]),
            unreadable_count=len(refused),
            twins=tuple((_printable(a), _printable(b)) for a, b in sorted(twins)[:MOST_NAMED]),
            twins_count=len(twins),
            torn=sum(len(labels[one.pixels]) > 1 for one in whole),
            others=others,
        )


def divided(images: Iterable[Decoded], share: float, seed: int) -> tuple[list[Decoded], list[Decoded]]:
    """Training and test images. Those that are not given for one purpose are drawn, class by class, by a hash of the seed
    and the pixels: neither names nor their order matter, and copies of a picture, also in other classes, are on one side."""
    train: list[Decoded] = []
    test: list[Decoded] = []
    drawn: dict[int, list[Decoded]] = {}
    for one in images:
        if one.is_test is None:
            drawn.setdefault(one.label, []).append(one)
        else:
            (test if one.is_test else train).append(one)
    chosen: set[bytes] = set()
    for own in drawn.values():
        own.sort(key=lambda one: hashlib.sha256(seed.to_bytes(8, "big") + one.pixels).digest())
        chosen |= {one.pixels for one in own[: max(1, round(share * len(own)))]}
    for one in itertools.chain(*drawn.values()):
        (test if one.pixels in chosen else train).append(one)
    return train, test


def _by_class(images: Iterable[Decoded], classes: int) -> tuple[int, ...]:
    counts = Counter(one.label for one in images)
    return tuple(counts[label] for label in range(classes))


def _printable(path: str) -> str:
    """A file's name may be no text at all."""
    return path.encode("utf-8", "backslashreplace").decode()


def _write(work: Path, name: str, images: Sequence[Decoded], raw: Path, size: int, classes: int) -> None:
    """The images and labels as .npy files, in this order."""
    labels = np.array([one.label for one in images], decode.label_kind(classes))
    store.write_array(work / f"{name}_labels.npy", labels)
    shape, each, path = (len(images), size, size, 3), size * size * 3, work / f"{name}_images.npy"
    with store.writing(path), raw.open("rb") as source, path.open("wb") as target:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(target, header)  # type: ignore[no-untyped-call]
        for start in range(0, len(images), _GATHERED):
            part = images[start : start + _GATHERED]
            target.write(b"".join(os.pread(source.fileno(), each, one.place * each) for one in part))
        store.to_disk(target)


def load(folder: Path, source: OwnDataset) -> Data:
    """The prepared images, checked and mapped into memory. Raises KitError if they are missing, damaged or not the run's."""
    path, there = location(folder, source), looked(folder, source)
    if there is None:
        raise KitError(f"the images of {source.source} are not in {folder}", f"read the pictures with `{source.command}`")
    if source.found is not None and source.found != there.found:
        raise KitError(f"the pictures of {source.source} are not those that the run was made from", "use another run")
    try:
        parts = [
            np.load(path / f"{name}_{kind}.npy", mmap_mode="r" if kind == "images" else None, allow_pickle=False)
            for name in (TRAIN, TEST)
            for kind in ("images", "labels")
        ]
    except (OSError, ValueError, EOFError) as error:
        raise damaged(path, source.command) from error
    data = Data(Split(*parts[:2]), Split(*parts[2:]))
    if not data.is_whole(datasets.get(msgspec.structs.replace(source, found=there.found))):
        raise damaged(path, source.command)
    return data
