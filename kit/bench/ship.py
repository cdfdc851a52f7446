"""Send the Pi image and files to a host: only what is missing is sent, and what arrives is verified there.

A delta, the image without the layers that the host has, comes first. An engine may say that it loaded one and have a
broken image, so that it counts only once a container of it has run; else the whole image follows.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from kit import causes, process
from kit.bench import transfer
from kit.bench.progress import OnProgress
from kit.bench.ssh import Connection
from kit.bench.transfer import Parcel
from kit.console import counted
from kit.containers import archive
from kit.containers.archive import Identity
from kit.errors import KitError

REPOSITORY = "kit-pi"
_SLOW_S, _LOAD_S = 300.0, 1800.0  # an SD card takes minutes to unpack the image


class Shipped(Struct, frozen=True):
    """What was sent. `how` is whole, delta or nothing; bytes are those handed to SSH, its own share is not in them."""

    image_id: str
    how: str
    image_bytes: int
    files: int
    file_bytes: int


def send(connection: Connection, files: Mapping[str, Path], on_progress: OnProgress, tag: str) -> Shipped:
    """Send the image and `files` (by SHA-256) that are missing there. Raises KitError if they don't arrive intact."""
    before = connection.sent_bytes
    how = image(connection, tag, on_progress)
    middle = connection.sent_bytes
    sent = send_files(connection, files, on_progress)
    return Shipped(_there(connection, tag).id, how, middle - before, sent, connection.sent_bytes - middle)


def send_files(connection: Connection, files: Mapping[str, Path], on_progress: OnProgress) -> int:
    """Send the files that are missing. Returns how many."""
    missing = sorted(files.keys() - transfer.hashes(connection)) if files else []
    for number, digest in enumerate(missing, 1):
        transfer.send(connection, Parcel(files[digest], digest, f"file {number}/{len(missing)}"), on_progress)
    return len(missing)


def image(connection: Connection, tag: str, on_progress: OnProgress) -> str:
    """Send the image if it is missing or differs. Returns whole, delta or nothing."""
    own = archive.local(tag)
    found = inspect(connection, tag)
    if found and found.same(own) and runs(connection, tag):
        return "nothing"
    kept = max((archive.common(own.layers, layers) for layers in _layers_there(connection)), default=0)
    with tempfile.TemporaryDirectory(prefix="kit-") as name:
        folder = Path(name)
        saved = archive.save(tag, folder)
        if kept and not _load(connection, archive.pack(saved, kept, folder), on_progress) and _holds(connection, tag, own):
            return "delta"
        wrong = _load(connection, archive.pack(saved, 0, folder), on_progress)
    if wrong or not _holds(connection, tag, own):
        wrong = wrong or _run_of(connection, tag).reason
        _, remedy = causes.engine(wrong) or ("", f"on it: docker image rm {tag}; then run the same command")
        raise KitError(f"{connection.address.host}: {tag} does not run there ({wrong})", remedy)
    return "whole"


def inspect(connection: Connection, tag: str) -> Identity | None:
    """The image on the host; None if it is not there."""
    return archive.identity(connection.run(["docker", "image", "inspect", "--format", archive.FORMAT, tag]).stdout)


def runs(connection: Connection, tag: str) -> bool:
    """Whether a container of the image starts there and its agent answers."""
    return _run_of(connection, tag).code == 0


def _run_of(connection: Connection, tag: str) -> process.Completed:
    argv = ["docker", "run", "--rm", "--platform=linux/arm64", "--network=none", "--read-only", tag, "--help"]
    return connection.run(argv, _SLOW_S)


def remove(connection: Connection) -> None:
    """Remove everything of the kit from the host: containers, images, files."""
    for listing, removing in (
        (("ps", "--all", "--quiet", "--filter", "label=kit.role"), ("rm", "--force")),
        (("image", "ls", "--quiet", "--filter", f"reference={REPOSITORY}"), ("image", "rm", "--force")),
        (
            ("image", "ls", "--quiet", "--filter", "label=kit.source", "--filter", "dangling=true"),
            ("image", "rm", "--force"),
        ),
    ):
        found = _ids(connection, *listing)
        done = connection.run(["docker", *removing, *found], _SLOW_S) if found else None
        if done and done.code:
            raise KitError(
                f"{connection.address.host}: docker {removing[0]} failed ({done.reason})",
                f"on it: docker {' '.join(removing)} {' '.join(found)}",
            )
    transfer.remove(connection)


def _there(connection: Connection, tag: str) -> Identity:
    found = inspect(connection, tag)
    if found is None:
        raise KitError(f"{connection.address.host}: {tag} has disappeared again", "ship it again")
    return found


def _layers_there(connection: Connection) -> list[tuple[str, ...]]:
    """The layers of each of the kit's images there. Only those: they came by `docker load`, whole."""
    ids = _ids(connection, "image", "ls", "--quiet", "--filter", "label=kit.source")
    return [found.layers for id_ in ids if (found := inspect(connection, id_))]


def _ids(connection: Connection, *listing: str) -> list[str]:
    """The IDs that a command of docker lists there."""
    said = connection.run(["docker", *listing]).stdout.split()
    return sorted({id_ for id_ in said if re.fullmatch(r"(sha256:)?[0-9a-f]{6,64}", id_)})


def _load(connection: Connection, packed: archive.Packed, on_progress: OnProgress) -> str:
    """Send the file and load it. Returns what the engine says is wrong, or nothing: its exit code alone does not tell
    whether that worked."""
    what = "image" if not packed.kept else f"image without {counted(packed.kept, 'layer', 'layers')}"
    transfer.send(connection, Parcel(packed.path, packed.digest, what), on_progress)
    path = f"{transfer.FILES}/{packed.digest}"
    try:
        done = connection.run(["docker", "load", "--quiet", "--input", path], _LOAD_S)
    finally:
        with suppress(KitError):
            connection.run(["rm", "-f", path])
    unpacking = next((line for line in (done.stdout + done.stderr).splitlines() if "rror unpacking" in line), "")
    return unpacking or (done.reason if done.code else "")


def _holds(connection: Connection, tag: str, own: Identity) -> bool:
    found = inspect(connection, tag)
    return found is not None and found.same(own) and runs(connection, tag)
