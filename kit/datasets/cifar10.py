"""CIFAR-10 archives: the official python and binary layouts, read without trusting them.

Nothing is unpacked to disk: members are read into memory by name, up to the size that they can have. Pickles get
nothing but bytes, see `kit.datasets.pickled`.
"""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from kit import causes, store
from kit.datasets import pickled
from kit.datasets.splits import Data, Split
from kit.errors import KitError

ADDRESS = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
ARCHIVE_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"

_TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))
_TEST = "test_batch"
_PIXELS = 3072
_MEMBER_LIMIT_BYTES = 64_000_000  # an official member has 31 MB
_ARCHIVE_LIMIT_BYTES = 400_000_000  # unpacked: the official one has 186 MB
_MEMBER_LIMIT = 200  # each may repeat what extended headers say of all
_EXTENSION_LIMITS_BYTES = {  # of headers that extend the next one or all others; -1: there may be none
    tarfile.XHDTYPE: 8_192,
    tarfile.GNUTYPE_LONGNAME: 8_192,
    tarfile.GNUTYPE_LONGLINK: 8_192,
    tarfile.XGLTYPE: 512,
    tarfile.SOLARIS_XHDTYPE: -1,
    tarfile.GNUTYPE_SPARSE: -1,
}


class _Header(tarfile.TarInfo):
    """A header that asks for little memory: tarfile reads extended ones whole, and lists of holes however long."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        found = super().frombuf(buf, encoding, errors)
        if not 0 <= found.size <= _EXTENSION_LIMITS_BYTES.get(found.type, _ARCHIVE_LIMIT_BYTES):
            raise ValueError(f"an entry in it has {found.size:,} bytes")
        return found

    def _proc_gnusparse_10(self, *found: object) -> None:
        raise ValueError("a file in it has holes")


def obtain(folder: Path, archive: Path | None) -> tuple[Data, bool]:
    """The images of `archive`, or else of a download into `folder`, and whether they are in the official order."""
    found = archive or download(folder)
    return read(found), is_official(found)


def download(folder: Path) -> Path:
    """The official archive in `folder`, fetched with retries, checked by its SHA-256. Raises KitError without a network."""
    import pooch

    name = ADDRESS.rpartition("/")[2]
    try:
        return Path(
            pooch.create(
                path=folder, base_url=ADDRESS.removesuffix(name), registry={name: ARCHIVE_SHA256}, retry_if_failed=3
            ).fetch(name, progressbar=True)
        )
    except (OSError, ValueError) as error:
        raise KitError(
            f"CIFAR-10 cannot be downloaded ({causes.last_line(str(error))})",
            "give a local copy with --archive cifar-10-python.tar.gz, or take the embedded images with --preset smoke",
        ) from error


def is_official(archive: Path) -> bool:
    """Whether this is the official python archive, to the byte: then its order of images is the official one."""
    return store.sha256(archive) == ARCHIVE_SHA256


def require(archive: Path) -> None:
    """Raises KitError if there is no such file."""
    if not archive.is_file():
        raise KitError(f"no archive at {archive}", "give the path of cifar-10-python.tar.gz")


def read(archive: Path) -> Data:
    """The images in a local archive: python or binary layout, .tar.gz or .tar.xz. Raises KitError if it is neither."""
    require(archive)
    try:
        members = _members(archive)
    except KitError:
        raise
    except Exception as error:  # a hostile archive makes tarfile raise anything
        raise KitError(
            f"{archive} cannot be read ({(str(error) or type(error).__name__).splitlines()[0].rstrip(':')})",
            "it is damaged or not a tar archive; download it again",
        ) from error
    missing = [name for name in (*_TRAIN, _TEST) if name not in members]
    if missing:
        raise KitError(f"{archive} is not CIFAR-10", f"it has no {', '.join(missing)}")
    *train, test = (_batch(members[name], archive, name) for name in (*_TRAIN, _TEST))
    return Data(
        Split(np.concatenate([b.images for b in train]), np.concatenate([b.labels for b in train])),
        test,
    )


def _members(archive: Path) -> dict[str, bytes]:
    wanted = {*_TRAIN, _TEST}
    found: dict[str, bytes] = {}
    with tarfile.open(archive, mode="r:*", tarinfo=_Header) as tar:
        for count, member in enumerate(tar):
            if not 0 <= member.size <= _ARCHIVE_LIMIT_BYTES - member.offset_data or count >= _MEMBER_LIMIT:
                raise ValueError("it is far larger than CIFAR-10")
            name = member.name.rpartition("/")[2].removesuffix(".bin")
            if name not in wanted or not member.isreg():
                continue
            if member.size > _MEMBER_LIMIT_BYTES:
                raise KitError(f"{archive} is refused", f"{name} in it has {member.size:,} bytes; this is not CIFAR-10")
            stream = tar.extractfile(member)
            if stream is not None:
                found[name] = stream.read()
    return found


def _batch(content: bytes, archive: Path, name: str) -> Split:
    try:
        return _parse(content, name)
    except Exception as error:  # a hostile pickle can raise anything
        raise KitError(f"{archive} is refused, {name} in it is malformed ({error})", "get another copy") from error


def _parse(content: bytes, name: str) -> Split:
    if len(content) % (_PIXELS + 1) == 0 and not content.startswith(b"\x80"):
        rows = np.frombuffer(content, np.uint8).reshape(-1, _PIXELS + 1)
        return _split(rows[:, 1:], rows[:, 0], name)
    return _split(*pickled.read(content), name)


def _split(pixels: NDArray[np.generic], labels: NDArray[np.generic], name: str) -> Split:
    if pixels.dtype != np.uint8 or pixels.ndim != 2 or pixels.shape[1] != _PIXELS or labels.shape != (len(pixels),):
        raise ValueError(f"{name} has no 32x32 RGB images with a label each")
    if labels.dtype.kind not in "iu" or labels.min(initial=0) < 0 or labels.max(initial=0) > 9:
        raise ValueError(f"{name} has labels outside 0..9")
    images = np.ascontiguousarray(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    return Split(images, labels.astype(np.uint8))
