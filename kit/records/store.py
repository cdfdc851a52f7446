"""Files of a run: hashed, written whole or not at all, and held by one process at a time."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kit.errors import KitError

PACKED = ".gz"


def digest(content: bytes) -> str:
    """SHA-256, as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def is_there(path: Path) -> bool:
    """Whether a file is there, packed or not."""
    return path.is_file() or path.with_name(path.name + PACKED).is_file()


def read(path: Path) -> bytes | None:
    """The content of a file that may lie packed beside its name, or None where it is not there at all. Raises KitError."""
    packed = path.with_name(path.name + PACKED)
    try:
        if path.is_file():
            return path.read_bytes()
        return gzip.decompress(packed.read_bytes()) if packed.is_file() else None
    except (OSError, EOFError, zlib.error) as error:
        raise KitError(f"{packed} cannot be read ({error})", "get it again from where it came from") from error


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically: after a crash the file is the old one or the new one, never a part.

    Raises KitError where the disk is full or the folder cannot be written; what was at `path` is then still there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        reason = error.strerror or str(error)
        raise KitError(f"cannot write {path} ({reason})", "free space or choose another folder; nothing is lost") from error


def remove_partial(folder: Path) -> None:
    """Delete what a killed process left half-written below `folder`."""
    for leftover in folder.rglob(".*.partial"):
        leftover.unlink(missing_ok=True)


@contextmanager
def exclusive(folder: Path, patience_s: float = 5.0) -> Iterator[int]:
    """Hold `folder` for this process and the children that inherit the yielded descriptor. A second holder gets a KitError.

    The lock lives until the last descriptor closes, so workers that outlive a killed parent still hold the folder. They
    end within moments: `patience_s` is how long to wait for that.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise KitError(f"cannot write to {folder} ({error.strerror})", _way_out(folder)) from error
    try:
        _acquire(descriptor, folder, patience_s)
        yield descriptor
    finally:
        os.close(descriptor)


def _way_out(folder: Path) -> str:
    """Folders that belong to somebody else are what a container meets that runs as the wrong user."""
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    owner, own = there.stat().st_uid, os.getuid()
    if owner == own:
        return "choose another folder with --run"
    mend = f"sudo chown -R {own} {there.name}" + (f", or set KIT_UID={owner} in .env" if owner else "")
    return f"{there} belongs to user {owner}, this is user {own}: {mend}"


def _acquire(descriptor: int, folder: Path, patience_s: float) -> None:
    end = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if time.monotonic() > end:
                raise KitError(
                    f"another kit is working on {folder}", "wait for it, or look at it with `kit status`"
                ) from error
            time.sleep(0.1)


def is_held(folder: Path) -> bool:
    """Whether some process holds `folder` now."""
    try:
        descriptor = os.open(folder / ".lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(descriptor)
