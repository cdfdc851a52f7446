"""The files that a worker has fetched, by their SHA-256: bounded, checked at each use, shared on a machine."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from kit import store
from kit.cluster.messages import File
from kit.errors import KitError

Fetch = Callable[[File, BinaryIO], Awaitable[None]]
_SURELY_USED_S = 600.0  # after a job has begun, or after the last piece of a file has come
_DIGITS = 64  # of a SHA-256: the name of a file that is whole


class Cache:
    """Files below `folder`, at most `limit` bytes of them besides those in use: what was used longest ago goes first."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.limit, self._blobs, self._scratch, self.dask = limit, folder / "files", folder / "jobs", folder / "dask"
        try:
            for one in (folder, self._blobs, self._scratch, self.dask):
                one.mkdir(parents=True, exist_ok=True, mode=0o700)
                if {one.lstat().st_uid, one.stat().st_uid} != {os.getuid()} or one.stat().st_mode & 0o022:
                    wrong = f"others can write to {one}, and a worker runs what is in it"
                    raise KitError(wrong, f"chmod go-w {one} if it is yours, or choose another folder with --cache")
        except OSError as error:
            raise KitError(f"cannot write {folder} ({error.strerror})", "choose another folder with --cache") from error

    async def place(self, file: File, target: Path, fetch: Fetch) -> None:
        """Put `file` at `target`. `fetch` brings it if it is not here yet, or damaged; of the workers of a machine, one
        does that. Raises KitError if what it brings is something else, or cannot be written."""
        blob = self._blobs / file.sha256
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            async with _locked(self._blobs / f"{file.sha256[:2]}.lock"):
                if not await asyncio.to_thread(_link, blob, target, file.sha256):
                    self._make_room(file.size)
                    await self._bring(file, blob, target, fetch)
        except OSError as error:
            if error.filename is None and error.strerror is None:
                raise  # of the network
            raise KitError(f"cannot write {blob} ({error.strerror})", "free up space, or use --cache") from error

    async def _bring(self, file: File, blob: Path, target: Path, fetch: Fetch) -> None:
        partial = blob.with_suffix(".partial")
        try:
            with partial.open("wb") as stream:
                await fetch(file, stream)
            if not await asyncio.to_thread(_link, partial, target, file.sha256):
                raise KitError(f"{file.path} came with another SHA-256 than the head said", "check the network")
            partial.replace(blob)
        finally:
            partial.unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        """Delete what was used longest ago until `size` more bytes fit. A job that uses it keeps it by a link of its own."""
        found = []
        for path in self._blobs.iterdir():
            with suppress(FileNotFoundError):  # another worker of this machine makes room, too
                if len(path.name) == _DIGITS:
                    found.append((path.stat().st_mtime, path.stat().st_size, path))
        total = sum(known for _, known, _ in found)
        for _, known, path in sorted(found):
            if total + size <= self.limit:
                return
            total -= known
            path.unlink(missing_ok=True)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A new folder for one job. Whoever uses one holds `run` in it."""
        try:
            self._clean_up()
            made = TemporaryDirectory(dir=self._scratch, ignore_cleanup_errors=True)
        except OSError as error:
            raise KitError(f"cannot write {self._scratch} ({error.strerror})", "free up space, or use --cache") from error
        with made as name:
            yield Path(name)

    def _clean_up(self) -> None:
        """Delete what killed workers left behind."""
        for old in (*self._scratch.iterdir(), *self._blobs.glob("*.partial")):
            with suppress(FileNotFoundError):  # another worker of this machine cleans up, too
                if time.time() - old.stat().st_mtime < _SURELY_USED_S or store.is_held(old / "run"):
                    continue
                if old.is_dir():
                    shutil.rmtree(old, ignore_errors=True)
                else:
                    old.unlink()


def _link(source: Path, target: Path, sha256: str) -> bool:
    """Put a file at `target` too, if it is there and whole; whoever writes `target` puts another file in its place. What
    is looked at is the new link: `source` may be deleted meanwhile, to make room."""
    target.unlink(missing_ok=True)
    try:
        os.utime(source)
        os.link(source, target)
    except FileNotFoundError:
        return False
    if store.sha256(target) == sha256:
        return True
    target.unlink()
    return False


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
