"""Files that arrive in pieces: put at their place only when they are whole and have the SHA-256 that was announced."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from kit.errors import KitError


class Incoming:
    """One file on its way to `target`. A piece at offset 0 begins it anew."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self._partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
        self._digest, self.size = hashlib.sha256(), 0

    def add(self, offset: int, content: bytes) -> None:
        """Write a piece. Raises KitError if it is not the next one, or cannot be written."""
        if offset == 0:
            self._digest, self.size = hashlib.sha256(), 0
        if offset != self.size:
            raise KitError(f"{self.target.name} came in pieces that do not fit", "check the network")
        try:
            self._partial.parent.mkdir(parents=True, exist_ok=True)
            with self._partial.open("ab" if offset else "wb") as stream:
                stream.write(content)
        except OSError as error:
            self.drop()
            wrong = f"cannot write {self.target} ({error.strerror or error})"
            raise KitError(wrong, "free up space or choose another folder; nothing is lost") from error
        self._digest.update(content)
        self.size += len(content)

    def is_whole(self, sha256: str) -> bool:
        return self._digest.hexdigest() == sha256 and self._partial.is_file()

    def keep(self) -> None:
        """Put it at its place, atomically."""
        with self._partial.open("rb") as stream:
            os.fsync(stream.fileno())
        self._partial.replace(self.target)

    def drop(self) -> None:
        with suppress(OSError):
            self._partial.unlink()
