"""What a bench on a host has measured so far, line by line on disk: whatever is killed, the next call goes on from here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from kit.device.protocol import Unit


class Journal:
    """Entries of one series. Those of other settings or of other models (`digests`, by cell), or a torn last line, don't
    count."""

    def __init__(self, path: Path, fingerprint: str, digests: Mapping[str, str]) -> None:
        self.path, self.entries = path, list[dict[str, Any]]()
        lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
        header = msgspec.json.encode({"fingerprint": fingerprint}) + b"\n"
        if not lines or lines[0] != header:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(header)
            return
        whole = [line for line in lines[1:] if line.endswith(b"\n")]
        read = [msgspec.json.decode(line) for line in whole]
        self.entries = [entry for entry in read if digests.get(entry["cell"]) == entry["digest"]]
        with path.open("r+b") as stream:
            stream.truncate(len(header) + sum(len(line) for line in whole))

    def add(self, entry: dict[str, Any]) -> None:
        """Keep an entry: when this returns, it outlives a loss of power."""
        self.entries.append(entry)
        with self.path.open("ab") as stream:
            stream.write(msgspec.json.encode(entry) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

    def has(self, unit: Unit) -> bool:
        return any(entry["unit"] == msgspec.to_builtins(unit) for entry in self._measured())

    def of(self, cell: str) -> list[dict[str, Any]]:
        """The cell's measurements, without sentinels."""
        return [e for e in self._measured() if e["unit"]["cell"] == cell and not e["unit"]["sentinel"]]

    def sentinels(self) -> list[dict[str, Any]]:
        """The measurements of the sentinel. An interrupted call may have had another one: those of the last one count."""
        found = [entry for entry in self._measured() if entry["unit"]["sentinel"]]
        return [entry for entry in found if entry["cell"] == found[-1]["cell"]]

    def parity(self, cell: str) -> dict[str, Any] | None:
        """How the cell's predictions there compare, where that was looked at."""
        return next((entry["parity"] for entry in self.entries if "parity" in entry and entry["cell"] == cell), None)

    def end(self) -> None:
        """All of it is in records now."""
        self.path.unlink(missing_ok=True)

    def _measured(self) -> list[dict[str, Any]]:
        return [entry for entry in self.entries if "unit" in entry]
