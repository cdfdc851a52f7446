"""The files that a worker has fetched, by their SHA-256: bounded, checked at each use, shared on a machine."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from kit import store
from kit.cluster.messages import File
from kit.errors import KitError

Fetch = Callable[[File, BinaryIO], Awaitable[None]]
_SURELY_HELD_S = 600.0  # after its start
_DIGITS = 64  # of a SHA-256: the name of a file that is whole


class Cache:
    """Files below `folder`, at most `limit` bytes of them besides those in use: what was used longest ago goes first."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.limit, self._blobs, self._scratch, self.dask = limit, folder / "files", folder / "jobs", folder / "dask"
        try:
            for one in (self._blobs, self._scratch, self.dask):
                one.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise KitError(f"cannot write {folder} ({error.strerror})", "choose another folder with --cache") from error

    async def place(self, file: File, target: Path, fetch: Fetch) -> None:
        """Put `file` at `target`. `fetch` brings it if it is not here yet, or damaged; of the workers of a machine, one
        does that. Raises KitError if what it brings is something else, or cannot be written."""
        blob = self._blobs / file.sha256
        try:
            async with _locked(blob.with_suffix(".lock")):
                if not await asyncio.to_thread(_is_whole, blob, file.sha256):
                    self._make_room(file.size)
                    await self._bring(file, blob, fetch)
                os.utime(blob)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.unlink(missing_ok=True)
                os.link(blob, target)  # whoever writes `target` puts another file in its place
        except OSError as error:
            if error.filename is None and error.strerror is None:
                raise  # of the network
            raise KitError(f"cannot write {blob} ({error.strerror})", "free up space, or use --cache") from error

    async def _bring(self, file: File, blob: Path, fetch: Fetch) -> None:
        partial = blob.with_suffix(f".{os.getpid()}.partial")
        try:
            with partial.open("wb") as stream:
                await fetch(file, stream)
            if not await asyncio.to_thread(_is_whole, partial, file.sha256):
                raise KitError(f"{file.path} came with another SHA-256 than the head said", "check the network")
            partial.replace(blob)
        finally:
            partial.unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        """Delete what was used longest ago until `size` more bytes fit. A job that uses it keeps it by a link of its own."""
        found = sorted((p for p in self._blobs.iterdir() if len(p.name) == _DIGITS), key=lambda path: path.stat().st_mtime)
        total = sum(path.stat().st_size for path in found)
        for path in found:
            if total + size <= self.limit:
                return
            total -= path.stat().st_size
            path.unlink(missing_ok=True)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A new folder for one job; those that killed workers left behind go first. Whoever uses one holds `run` in it."""
        for old in self._scratch.iterdir():
            if time.time() - old.stat().st_mtime > _SURELY_HELD_S and not store.is_held(old / "run"):
                shutil.rmtree(old, ignore_errors=True)
        with TemporaryDirectory(dir=self._scratch, ignore_cleanup_errors=True) as name:
            yield Path(name)


def _is_whole(path: Path, sha256: str) -> bool:
    return path.is_file() and store.sha256(path) == sha256


@asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    with path.open("wb") as stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(0.2)
        yield
