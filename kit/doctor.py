"""Checks that only look: what is there, what is missing, and the command that mends it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from kit.device.checks import Check
from kit.errors import KitError
from kit.records import image

_EXTRAS = {
    "train": ("tensorflow", "tf_keras", "tensorflow_model_optimization", "safetensors", "sklearn", "pooch"),
    "bench": ("numpy", "ai_edge_litert", "tflite_runtime"),
    "report": ("jinja2", "babel", "scipy", "statsmodels", "altair", "vl_convert", "rocrate", "safetensors"),
    "docker": ("docker", "zstandard"),
}
_DISK_BYTES = 3_000_000_000
_MEMORY_BYTES = 3_000_000_000


def checks(data: Path, runs: Path) -> Iterator[Check]:
    """All checks of this machine, in the order of the table."""
    version = sys.version_info
    yield Check("Python", f"{version.major}.{version.minor}.{version.micro}", version[:2] == (3, 11), "use Python 3.11")
    for extra, modules in _EXTRAS.items():
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        found = f"without {', '.join(missing)}" if missing else "installed"
        yield Check(f"extra {extra}", found, not missing, f"pip install 'mobile-cnn-kit[{extra}]'")
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    yield Check(
        "memory", f"{memory_bytes / 1e9:.0f} GB", memory_bytes > _MEMORY_BYTES, "train with --workers 1", needed=False
    )
    for name, folder in (("data", data), ("runs", runs)):
        yield from _folder(name, folder)
    for name in ("cifar10", "digits"):
        there = (data / name / "images.safetensors").is_file()
        yield Check(f"data set {name}", "prepared" if there else "not yet", there, f"kit data {name}", needed=False)
    if not image.SBOM.is_file():  # inside an image there is no engine to look for
        yield from _engine()


def _folder(name: str, folder: Path) -> Iterator[Check]:
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    writable = os.access(existing, os.W_OK)
    yield Check(f"folder {name}", str(folder), writable, f"choose another with KIT_{name.upper()}")
    free_bytes = shutil.disk_usage(existing).free
    yield Check(f"disk for {name}", f"{free_bytes / 1e9:.0f} GB free", free_bytes > _DISK_BYTES, "free 3 GB")


def _engine() -> Iterator[Check]:
    """What containers need; nothing of it is needed to run the study without them."""
    from kit.device import buildx, engine, images

    client: Any = None

    def look() -> str:
        nonlocal client
        client = engine.connect()
        return f"{client.version()['Version']}, {images.space(client, 'train', engine.native(client))}"

    yield _look("Docker engine", look)
    yield _look("Docker Buildx", buildx.version)
    yield _look("Docker Compose", engine.compose)
    if client is None:
        return
    yield _look("arm64 programs", lambda: engine.require_platform("arm64", client))
    with suppress(KitError):  # outside of a checkout there is nothing to compare images with
        root = images.checkout()
        yield _look("image train", lambda: images.state(client, "train", engine.native(client), root))
        yield _look("image pi", lambda: images.state(client, "pi", "arm64", root))


def _look(what: str, look: Callable[[], str]) -> Check:
    try:
        return Check(what, look(), True, needed=False)
    except KitError as error:
        return Check(what, error.wrong, False, error.remedy, needed=False)
