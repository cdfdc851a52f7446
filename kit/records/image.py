"""The container image that a stage ran in, and what is inside the kit's images: their lists of packages (SBOM)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from kit.records import store

SBOM = Path("/usr/share/kit/image.json")  # in every image of the kit
_FIELDS = ("name", "architecture", "id", "contents", "sbom")


def identity() -> str:
    """The ID of the image that this runs in, or a digest of its contents where the ID is not known; empty outside of one.

    An image cannot hold its own ID, so `kit build` leaves it in a record beside the runs.
    """
    if os.environ.get("KIT_IMAGE_ID"):
        return os.environ["KIT_IMAGE_ID"]
    if not SBOM.is_file():
        return ""
    contents = hashlib.sha256(SBOM.read_bytes()).hexdigest()
    built = _read(Path(os.environ.get("KIT_RUNS", "runs")) / "images")
    return next((record["id"] for record in built if record["contents"] == contents), f"contents sha256:{contents}")


def keep(run: Path) -> None:
    """Note in a run's folder what is inside the image that it is made in, and inside the Pi images that were built here."""
    noted = [record for record in _read(run.parent / "images") if record["name"] == "kit-pi"]
    for record in (*_own(), *noted):
        content = msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"
        store.write(run / "images" / f"{record['name']}-{record['architecture']}.json", content)


def kept(run: Path) -> list[dict[str, Any]]:
    """What `keep` noted."""
    return list(_read(run / "images"))


def _own() -> Iterator[dict[str, Any]]:
    if SBOM.is_file():
        content = SBOM.read_bytes()
        sbom = msgspec.json.decode(content)
        contents = hashlib.sha256(content).hexdigest()
        yield dict(zip(_FIELDS, (sbom["image"], sbom["architecture"], identity(), contents, sbom), strict=True))


def _read(folder: Path) -> Iterator[dict[str, Any]]:
    """Image records in a folder; a file that is none is left out."""
    for path in sorted(folder.glob("*.json")):
        try:
            record = msgspec.json.decode(path.read_bytes())
            yield {field: record[field] for field in _FIELDS}
        except (OSError, msgspec.DecodeError, KeyError, TypeError):
            continue
