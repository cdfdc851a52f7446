"""Bring the Pi image and files to a host: only what is missing travels, and what arrived is checked there.

A delta, the image without the layers that the host has, comes first. An engine may say that it loaded one and have a
broken image, so that it counts only once a container of it has run; else the whole image follows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from kit.device import archive, remote
from kit.device.archive import Identity
from kit.device.ssh import Link
from kit.errors import KitError

REPOSITORY = "kit-pi"

Told = Callable[[str, int, int, float], object]
"""Told what is sent, its bytes that are there, its bytes in all, and the rate in bytes a second."""


class Shipped(Struct, frozen=True):
    """What a ship sent. `how` is whole, delta or nothing; bytes are those handed to SSH, its own share is not in them."""

    image_id: str
    how: str
    image_bytes: int
    files: int
    file_bytes: int


def ship(link: Link, files: Mapping[str, Path], told: Told, tag: str) -> Shipped:
    """Send the image and `files` (by SHA-256), as far as they are missing. Raises KitError where they don't arrive whole."""
    before = link.sent_bytes
    how = image(link, tag, told)
    middle = link.sent_bytes
    sent = send_files(link, files, told)
    return Shipped(_there(link, tag).id, how, middle - before, sent, link.sent_bytes - middle)


def send_files(link: Link, files: Mapping[str, Path], told: Told) -> int:
    """Send the files that are missing. Returns how many."""
    missing = sorted(files.keys() - remote.hashes(link)) if files else []
    for number, digest in enumerate(missing, 1):
        what = f"file {number}/{len(missing)}"
        remote.send(link, files[digest], digest, lambda done, total, rate, what=what: told(what, done, total, rate))  # type: ignore[misc]
    return len(missing)


def image(link: Link, tag: str, told: Told) -> str:
    """Send the image where it is missing or another one. Returns whole, delta or nothing."""
    own = archive.local(tag)
    found = inspect(link, tag)
    if found and found.same(own) and runs(link, tag):
        return "nothing"
    kept = max((archive.common(own.layers, layers) for layers in _layers_there(link)), default=0)
    with tempfile.TemporaryDirectory(prefix="kit-") as name:
        folder = Path(name)
        saved = archive.save(tag, folder)
        if kept and _load(link, archive.pack(saved, kept, folder), told) and _holds(link, tag, own):
            return "delta"
        wrong = "" if _load(link, archive.pack(saved, 0, folder), told) else "its engine did not load it"
        if wrong or not _holds(link, tag, own):
            raise KitError(f"{link.address.host}: {tag} does not run there", wrong or "docker image rm it there, try again")
    return "whole"


def inspect(link: Link, tag: str) -> Identity | None:
    """The image on the host; None where it is not there."""
    return archive.identity(link.run(["docker", "image", "inspect", "--format", archive.FORMAT, tag]).stdout)


def runs(link: Link, tag: str) -> bool:
    """Whether a container of the image starts there and the agent in it answers."""
    argv = ["docker", "run", "--rm", "--platform=linux/arm64", "--network=none", "--read-only", tag, "--help"]
    return link.run(argv).code == 0


def remove(link: Link) -> None:
    """Leave nothing of the kit on the host: no container, no image, no file."""
    for listing, removing in (
        (("ps", "--all", "--quiet", "--filter", "label=kit.role"), ("rm", "--force")),
        (("image", "ls", "--quiet", "--filter", f"reference={REPOSITORY}"), ("image", "rm", "--force")),
        (
            ("image", "ls", "--quiet", "--filter", "label=kit.source", "--filter", "dangling=true"),
            ("image", "rm", "--force"),
        ),
    ):
        found = sorted(set(link.run(["docker", *listing]).stdout.split()))
        done = link.run(["docker", *removing, *found]) if found else None
        if done and done.code:
            raise KitError(
                f"{link.address.host}: docker {removing[0]} failed ({done.reason})", "end what uses it, try again"
            )
    remote.remove(link)


def _there(link: Link, tag: str) -> Identity:
    found = inspect(link, tag)
    if found is None:
        raise KitError(f"{link.address.host}: {tag} is gone again", "ship it again")
    return found


def _layers_there(link: Link) -> list[tuple[str, ...]]:
    """The layers of each of the kit's images there. Only those: they came by `docker load`, whole."""
    ids = sorted(set(link.run(["docker", "image", "ls", "--quiet", "--filter", "label=kit.source"]).stdout.split()))
    return [found.layers for id_ in ids if (found := inspect(link, id_))]


def _load(link: Link, packed: archive.Packed, told: Told) -> bool:
    """Send the file and load it. Whether that is so, the engine's exit code alone does not tell."""
    what = "image" if not packed.kept else f"image without {packed.kept} layers"
    remote.send(link, packed.path, packed.digest, lambda done, total, rate: told(what, done, total, rate))
    path = f"{remote.FILES}/{packed.digest}"
    done = link.run(["docker", "load", "--quiet", "--input", path])
    link.run(["rm", "-f", path])
    return done.code == 0 and "rror unpacking" not in done.stdout + done.stderr


def _holds(link: Link, tag: str, own: Identity) -> bool:
    found = inspect(link, tag)
    return found is not None and found.same(own) and runs(link, tag)
