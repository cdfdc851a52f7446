"""Files of a run: hashed, written whole or not at all, and held by one process at a time."""

from __future__ import annotations

import errno
import fcntl
import gzip
import hashlib
import io
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from kit.causes import system
from kit.errors import KitError

if TYPE_CHECKING:
    import numpy as np

PACKED = ".gz"
_MOST_UNPACKED = 2**30  # bytes, several times the largest model: a few MB of a stranger's may unpack to any size
UID_MAP = Path("/proc/self/uid_map")
_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)  # of flock: somebody has the lock; all else is no lock at all


def digest(content: bytes) -> str:
    """SHA-256, as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def is_there(path: Path) -> bool:
    """Whether a file exists, packed or not."""
    return path.is_file() or path.with_name(path.name + PACKED).is_file()


def read(path: Path) -> bytes | None:
    """The content of a file that may be packed, or None if it does not exist. Raises KitError if it is damaged, or
    unpacks to more than 1 GiB."""
    packed = path.with_name(path.name + PACKED)
    try:
        if path.is_file():
            return path.read_bytes()
        return _unpacked(packed) if packed.is_file() else None
    except (OSError, EOFError, zlib.error) as error:
        which = path if path.is_file() else packed
        raise KitError(f"{which} cannot be read ({error})", "get a new copy from where it came from") from error


def _unpacked(path: Path) -> bytes:
    with gzip.open(path) as stream:
        content = stream.read(_MOST_UNPACKED + 1)
    if len(content) > _MOST_UNPACKED:
        raise OSError(f"it unpacks to more than {_MOST_UNPACKED:,} bytes")
    return content


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically: after a crash the file is the old one or the new one, never partial.

    Raises KitError if the disk is full or the folder cannot be written; what was at `path` is then still there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with writing(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as stream:
                stream.write(content)
                to_disk(stream)
            temporary.replace(path)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            raise


def write_array(path: Path, array: np.ndarray[Any, Any]) -> None:
    """The same, in numpy's format."""
    import numpy as np

    content = io.BytesIO()
    np.save(content, array)
    write(path, content.getvalue())


def to_disk(stream: IO[bytes]) -> None:
    """Return when what was written would survive a power failure."""
    stream.flush()
    os.fsync(stream.fileno())


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What is done inside writes to `path`: raises KitError if the disk is full, or another reason is in the way."""
    try:
        yield
    except OSError as error:
        raise KitError(f"cannot write {path} ({error.strerror or error})", system(error)) from error


def remove_partial(folder: Path) -> None:
    """Delete half-written files that a killed process left below `folder`."""
    for leftover in folder.rglob(".*.partial"):
        leftover.unlink(missing_ok=True)


@contextmanager
def exclusive(folder: Path, patience_s: float = 5.0) -> Iterator[int]:
    """Hold `folder` for this process and the children that inherit the yielded descriptor. A second holder gets a KitError.

    The lock lives until the last descriptor closes, so workers that outlive a killed parent still hold the folder. They
    end within moments: `patience_s` is how long to wait for that.
    """
    descriptor = _locked(folder, patience_s)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(folder: Path, patience_s: float) -> int:
    """The descriptor of the folder's lock, once it is held. Raises KitError."""
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise KitError(f"cannot write to {folder} ({error.strerror})", _way_out(folder, error)) from error
        try:
            _acquire(descriptor, folder, patience_s)
            is_there = os.fstat(descriptor).st_nlink > 0
        except BaseException:
            os.close(descriptor)
            raise
        if is_there:
            return descriptor
        os.close(descriptor)  # its last holder deleted it with the folder: others lock a new one


def _way_out(folder: Path, error: OSError) -> str:
    """A remedy: a container that runs as the wrong user finds folders owned by somebody else."""
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    owner, own = there.stat().st_uid, os.getuid()
    if owner == own or error.errno not in (errno.EACCES, errno.EPERM):
        return system(error)
    if own and _is_mapped():
        return (
            f"{there} belongs to user {owner}, this is user {own} of a rootless engine: set KIT_UID=0 and KIT_GID=0 in .env"
        )
    remedy = f"sudo chown -R {own} {there.name}" + (f", or set KIT_UID={owner} in .env" if owner else "")
    return f"{there} belongs to user {owner}, this is user {own}: {remedy}"


def _is_mapped() -> bool:
    """Whether users here are others outside, as in a container of a rootless engine: there, a chown changes nothing."""
    try:
        return UID_MAP.read_text().split() != ["0", "0", "4294967295"]
    except OSError:
        return False


def _acquire(descriptor: int, folder: Path, patience_s: float) -> None:
    end = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in _HELD:
                raise KitError(
                    f"files in {folder} cannot be locked ({error.strerror})", "choose a folder on a local disk"
                ) from error
            if time.monotonic() > end:
                raise KitError(
                    f"another kit is working on {folder}", "wait until it ends, or watch it with `kit status`"
                ) from error
            time.sleep(0.1)


def is_held(folder: Path) -> bool:
    """Whether any process holds `folder` now."""
    try:
        descriptor = os.open(folder / ".lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except OSError as error:
        return error.errno in _HELD
    finally:
        os.close(descriptor)
