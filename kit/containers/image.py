"""The container image that a stage ran in, and what is inside the kit's images: their lists of packages (SBOM)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from kit import store

SBOM = Path("/usr/share/kit/image.json")  # in every image of the kit


class ImageRecord(Struct, frozen=True):
    """What is inside an image: its list of packages (`sbom`, as syft writes it), and the SHA-256 (`contents`) of that."""

    name: str
    architecture: str
    id: str
    contents: str
    sbom: dict[str, object]


def identity(runs: Path) -> str:
    """The ID of the image that this runs in, or a digest of its contents where the ID is not known; empty outside of one.

    An image cannot hold its own ID, so `kit build` leaves it in a record beside the `runs`.
    """
    if os.environ.get("KIT_IMAGE_ID"):
        return os.environ["KIT_IMAGE_ID"]
    if not SBOM.is_file():
        return ""
    contents = hashlib.sha256(SBOM.read_bytes()).hexdigest()
    built = _read(runs / "images")
    return next((record.id for record in built if record.contents == contents), f"contents sha256:{contents}")


def keep(run: Path) -> None:
    """Save in a run's folder what is inside the image that it runs in, and inside the Pi images built here."""
    noted = [record for record in _read(run.parent / "images") if record.name == "kit-pi"]
    for record in (*_own(run.parent), *noted):
        content = msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"
        store.write(run / "images" / f"{record.name}-{record.architecture}.json", content)


def kept(run: Path) -> list[ImageRecord]:
    """What `keep` saved."""
    return list(_read(run / "images"))


def _own(runs: Path) -> Iterator[ImageRecord]:
    if SBOM.is_file():
        content = SBOM.read_bytes()
        sbom = msgspec.json.decode(content)
        contents = hashlib.sha256(content).hexdigest()
        yield ImageRecord(sbom["image"], sbom["architecture"], identity(runs), contents, sbom)


def _read(folder: Path) -> Iterator[ImageRecord]:
    """Image records in a folder; other files are ignored."""
    for path in sorted(folder.glob("*.json")):
        try:
            yield msgspec.json.decode(path.read_bytes(), type=ImageRecord)
        except (OSError, msgspec.DecodeError):
            continue
