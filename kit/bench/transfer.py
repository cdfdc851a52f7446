"""The kit's folder on a host: files by their SHA-256, sent once; an interrupted transfer resumes where it stopped."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from kit import causes
from kit.bench.progress import OnProgress, Progress
from kit.bench.ssh import Connection
from kit.errors import KitError

FOLDER = ".cache/kit"  # below the home of the user there, where every program that is started by ssh begins
FILES = f"{FOLDER}/files"
_CHUNK_BYTES = 64 * 1024
_HASH_S = 900.0  # an SD card reads a few hundred models in a quarter of an hour


def hashes(connection: Connection) -> set[str]:
    """The SHA-256 of the complete files there; each is computed there, from its content."""
    said = connection.run(["find", FILES, "-type", "f", "-name", "?" * 64, "-exec", "sha256sum", "{}", "+"], _HASH_S).stdout
    pairs = [line.split() for line in said.splitlines()]
    return {pair[0] for pair in pairs if len(pair) == 2 and pair[1].endswith("/" + pair[0])}


class Parcel(Struct, frozen=True):
    """A file to send, by its SHA-256; `what` is how it is called while it travels."""

    path: Path
    digest: str
    what: str


def send(connection: Connection, parcel: Parcel, on_progress: OnProgress) -> None:
    """Send a file into FILES, resuming where an earlier attempt ended. Raises KitError if it does not arrive intact."""
    path, digest = parcel.path, parcel.digest
    target, total = f"{FILES}/{digest}", path.stat().st_size
    partial = f"{target}.partial"
    _must(connection, ["mkdir", "-p", FILES])
    offset = _size(connection, partial)
    if offset > total:
        _must(connection, ["rm", "-f", partial])
        offset = 0
    clock, done = time.monotonic(), offset

    def on_sent(size: int) -> None:
        nonlocal done
        done += size
        rate = (done - offset) / max(time.monotonic() - clock, 1e-6)
        on_progress(Progress(connection.address.host, "", parcel.what, "sending", done, total, rate))

    # At its own offset, not appended: what an older, cut-off writer may still write is then identical.
    argv = ["dd", f"of={partial}", "bs=64k", f"seek={offset}", "oflag=seek_bytes", "conv=notrunc", "status=none"]
    sent = connection.feed(argv, _chunks(path, offset), on_sent)
    if sent.code:
        _, remedy = causes.engine(sent.stderr) or ("", "the same command sends the rest")
        raise KitError(f"{connection.address.host}: {path.name} did not arrive ({sent.reason})", remedy)
    if connection.run(["sha256sum", partial], _HASH_S).stdout.split()[:1] != [digest]:
        _must(connection, ["rm", "-f", partial])
        raise KitError(f"{connection.address.host}: {path.name} arrived damaged", "the same command sends it again")
    _must(connection, ["mv", partial, target])


def remove(connection: Connection) -> None:
    """Delete the kit's folder there."""
    _must(connection, ["rm", "-rf", FOLDER])


def _size(connection: Connection, path: str) -> int:
    done = connection.run(["stat", "-c", "%s", path])
    return int(done.stdout) if not done.code and re.fullmatch(r"[0-9]{1,15}", done.stdout.strip()) else 0


def _chunks(path: Path, offset: int) -> Iterator[bytes]:
    with path.open("rb") as stream:
        stream.seek(offset)
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


def _must(connection: Connection, argv: list[str]) -> None:
    done = connection.run(argv)
    if done.code:
        _, remedy = causes.engine(done.stderr) or ("", f"on it: {shlex.join(argv)}")
        raise KitError(f"{connection.address.host}: {argv[0]} failed ({done.reason})", remedy)
