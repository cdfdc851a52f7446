"""The kit's folder on a host: files by their SHA-256, sent once; a file that was cut off goes on where it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from kit.device.ssh import Link
from kit.errors import KitError

FOLDER = ".cache/kit"  # below the home of the user there, where every program that is started by ssh begins
FILES = f"{FOLDER}/files"
_CHUNK_BYTES = 64 * 1024

Told = Callable[[int, int, float], object]
"""Told the bytes that are there, the bytes in all, and the rate in bytes a second."""


def hashes(link: Link) -> set[str]:
    """The SHA-256 of the whole files that are there now; each is computed there, from its content."""
    said = link.run(["find", FILES, "-type", "f", "-name", "?" * 64, "-exec", "sha256sum", "{}", "+"]).stdout
    pairs = [line.split() for line in said.splitlines()]
    return {pair[0] for pair in pairs if len(pair) == 2 and pair[1].endswith("/" + pair[0])}


def send(link: Link, path: Path, digest: str, told: Told = lambda done, total, rate: None) -> None:
    """Send a file into FILES, from where an earlier attempt ended. Raises KitError where it does not arrive whole."""
    target, total = f"{FILES}/{digest}", path.stat().st_size
    partial = f"{target}.partial"
    _must(link, ["mkdir", "-p", FILES])
    offset = _size(link, partial)
    if offset > total:
        _must(link, ["rm", "-f", partial])
        offset = 0
    clock, done = time.monotonic(), offset

    def on_sent(size: int) -> None:
        nonlocal done
        done += size
        told(done, total, (done - offset) / max(time.monotonic() - clock, 1e-6))

    # At its own offset, not appended: what an older, cut-off writer still gets to write then is the same bytes.
    argv = ["dd", f"of={partial}", "bs=64k", f"seek={offset}", "oflag=seek_bytes", "conv=notrunc", "status=none"]
    sent = link.feed(argv, _chunks(path, offset), on_sent)
    if sent.code:
        remedy = "free space on it" if "space" in sent.stderr else "send it again"
        raise KitError(f"{link.address.host}: {path.name} did not arrive ({sent.reason})", remedy)
    if link.run(["sha256sum", partial]).stdout.split()[:1] != [digest]:
        _must(link, ["rm", "-f", partial])
        raise KitError(f"{link.address.host}: {path.name} arrived damaged", "the same command sends it again")
    _must(link, ["mv", partial, target])


def remove(link: Link) -> None:
    """Delete the kit's folder there."""
    _must(link, ["rm", "-rf", FOLDER])


def _size(link: Link, path: str) -> int:
    done = link.run(["stat", "-c", "%s", path])
    return int(done.stdout) if not done.code and done.stdout.strip().isdigit() else 0


def _chunks(path: Path, offset: int) -> Iterator[bytes]:
    with path.open("rb") as stream:
        stream.seek(offset)
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


def _must(link: Link, argv: list[str]) -> None:
    done = link.run(argv)
    if done.code:
        raise KitError(f"{link.address.host}: {argv[0]} failed ({done.reason})", "mend the cause on it and try again")
