"""Files that arrive in pieces: put at their place only when they are whole and have the SHA-256 that was announced."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kit.causes import system
from kit.errors import KitError

_NUMBERS = itertools.count()


class Incoming:
    """One file on its way to `target`. A piece at offset 0 begins it anew.

    It may be dropped in one thread while another one writes it: two that have the same target share no file, and what was
    dropped never gets to its place.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self._partial = target.with_name(f".{target.name}.{os.getpid()}-{next(_NUMBERS)}.partial")
        self._digest, self.size = hashlib.sha256(), 0
        self._is_dropped = False

    def add(self, offset: int, content: bytes) -> bool:
        """Write a piece; False if it is not the next one. Raises KitError if it cannot be written."""
        if offset == 0:
            self._digest, self.size = hashlib.sha256(), 0
        if offset != self.size or self._is_dropped:
            return False
        with self._explained():
            self._partial.parent.mkdir(parents=True, exist_ok=True)
            with self._partial.open("ab" if offset else "wb") as stream:
                stream.write(content)
        self._digest.update(content)
        self.size += len(content)
        return True

    def is_whole(self, sha256: str) -> bool:
        return self._digest.hexdigest() == sha256 and self._partial.is_file()

    def keep(self) -> bool:
        """Put it at its place, atomically; False if it was dropped meanwhile. Raises KitError."""
        with self._explained():
            try:
                with self._partial.open("rb") as stream:
                    os.fsync(stream.fileno())
                self._partial.replace(self.target)
            except FileNotFoundError:
                return False
        return True

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.drop()
            wrong = f"cannot write {self.target} ({error.strerror or error})"
            raise KitError(wrong, system(error)) from error

    def drop(self) -> None:
        self._is_dropped = True
        with suppress(OSError):
            self._partial.unlink()
