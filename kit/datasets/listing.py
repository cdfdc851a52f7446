"""Which pictures a folder has, of which class and for which purpose; no picture is opened here."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from kit import store
from kit.console import counted
from kit.datasets.pictures import SUFFIXES
from kit.errors import KitError
from kit.study.datasets import MOST_CLASSES

TRAIN, TEST = "train", "test"
_LONGEST_NAME = 100


class Entry(Struct, frozen=True, array_like=True):
    """A picture: its path in the folder, the place of its class, and whether it is for testing; None if that is to be
    drawn. `refused` says why it must not be read."""

    path: str
    label: int
    is_test: bool | None
    refused: str = ""


class Listing(Struct, frozen=True):
    """All pictures of a folder by path, its classes, and how many files of other kinds it has, by suffix.

    `digest` is over paths, sizes and times of change: with the same one, nothing has to be read again.
    """

    classes: tuple[str, ...]
    entries: list[Entry]
    others: dict[str, int]
    digest: str


def listing(root: Path) -> Listing:
    """What is in `root`: `train/CLASS/…` and `test/CLASS/…`, or `CLASS/…`. Raises KitError if it is neither."""
    if not root.is_dir():
        raise KitError(f"there is no folder {root}", "name a folder with one folder of pictures for each class")
    parts = {TRAIN: False, TEST: True} if all((root / name).is_dir() for name in (TRAIN, TEST)) else {"": None}
    if parts == {"": None} and (root / TRAIN).is_dir():
        raise KitError(
            f"{root} has a folder {TRAIN}, but none called {TEST}", f"name it {TEST}, or put the classes into {root}"
        )
    found = {part: _classes(root, root / part) for part in parts}
    classes = sorted(set().union(*found.values()))
    _check_classes(root, classes)
    for part, names in found.items():
        if missing := sorted(set(classes) - set(names)):
            raise KitError(f"{root / part} has no class {missing[0]!r}", f"{TRAIN} and {TEST} need the same classes")
    others: Counter[str] = Counter()
    stamps: list[str] = []
    entries = [
        entry
        for part, is_test in parts.items()
        for label, name in enumerate(classes)
        for entry in _pictures(root, root / part / name, label, is_test, others, stamps)
    ]
    if not entries:
        raise KitError(f"{root} has no pictures", "it needs PNG, JPEG or WebP files in a folder for each class")
    digest = store.digest("\n".join(stamps).encode("utf-8", "surrogateescape"))
    return Listing(tuple(classes), entries, dict(sorted(others.items())), digest)


def _classes(root: Path, folder: Path) -> list[str]:
    """The names of the folders in it but hidden ones. Raises KitError if one is a link that leads out of the root, or up."""
    found = [one for one in os.scandir(folder) if not one.name.startswith(".") and one.is_dir()]
    for one in found:
        place = Path(one.path).resolve()
        if not place.is_relative_to(root.resolve()) or folder.resolve().is_relative_to(place):
            raise KitError(f"class {one.name!r} of {root} links out of it", "put that folder here, or delete the link")
    return [one.name for one in found]


def _check_classes(root: Path, classes: list[str]) -> None:
    if not 2 <= len(classes) <= MOST_CLASSES:
        wrong = f"{root} has {counted(len(classes), 'class', 'classes')}"
        remedy = f"it needs 2 to {MOST_CLASSES:,}, a folder of pictures each, or {TRAIN} and {TEST} with those in them"
        raise KitError(wrong, remedy)
    for name in classes:
        if not name.isprintable() or len(name) > _LONGEST_NAME:
            raise KitError(
                f"{root} has a class called {name[:_LONGEST_NAME]!a}",
                f"give its folder a name of at most {_LONGEST_NAME} printable characters",
            )


def _pictures(
    root: Path, folder: Path, label: int, is_test: bool | None, others: Counter[str], stamps: list[str]
) -> Iterator[Entry]:
    """The pictures below a class's folder, by path. Links to folders are not followed."""
    real, start = root.resolve(), len(str(root)) + 1
    for file in _files(str(folder)):
        suffix = Path(file.name).suffix.lower()
        if suffix not in SUFFIXES:
            others[suffix if suffix.isprintable() else "?"] += 1
            continue
        leads_out = file.is_symlink() and not Path(file.path).resolve().is_relative_to(real)
        stamps.append(_stamp(file, file.path[start:]))
        yield Entry(file.path[start:], label, is_test, "it links out of the folder" if leads_out else "")


def _files(folder: str) -> Iterator[os.DirEntry[str]]:
    """All files below a folder but hidden ones, by name."""
    for one in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if one.name.startswith("."):
            continue
        if one.is_dir(follow_symlinks=False):
            yield from _files(one.path)
        else:
            yield one


def _stamp(file: os.DirEntry[str], name: str) -> str:
    try:
        found = file.stat()
    except OSError as error:
        return f"{name}\0{error.strerror}"
    return f"{name}\0{found.st_size}\0{found.st_mtime_ns}"
