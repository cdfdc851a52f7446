"""What a bench has measured so far, line by line on disk: after a kill, the next call resumes from here."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from kit import store
from kit.bench.protocol import Unit
from kit.bench.values import Parity, Readings, Sample, Sentinel


class Measured(Struct, frozen=True, tag=True):
    """One process of a cell, whose model has the SHA-256 `digest`: the last of `attempts`, after `cooled_s` seconds of
    waiting for the device to cool."""

    cell: str
    digest: str
    unit: Unit
    sample: Sample
    readings: Readings
    invalid_reasons: tuple[str, ...] = ()
    attempts: int = 1
    cooled_s: float = 0.0


class Compared(Struct, frozen=True, tag=True):
    """How a cell's predictions there compare with those here."""

    cell: str
    digest: str
    parity: Parity


Entry = Measured | Compared


class Journal:
    """Entries of one series. Those with other settings or models (`digests`, by cell) and a torn last line are ignored."""

    def __init__(self, path: Path, fingerprint: str, digests: Mapping[str, str]) -> None:
        self.path, self.entries = path, list[Entry]()
        lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
        header = msgspec.json.encode({"fingerprint": fingerprint}) + b"\n"
        if not lines or lines[0] != header:
            store.write(path, header)
            return
        whole = [line for line in lines[1:] if line.endswith(b"\n")]
        read = [entry for line in whole if (entry := _decoded(line))]
        self.entries = [entry for entry in read if digests.get(entry.cell) == entry.digest]
        with path.open("r+b") as stream:
            stream.truncate(len(header) + sum(len(line) for line in whole))

    def add(self, entry: Entry) -> None:
        """Add an entry; once this returns, it survives a power failure."""
        self.entries.append(entry)
        with store.writing(self.path), self.path.open("ab") as stream:
            stream.write(msgspec.json.encode(entry) + b"\n")
            store.to_disk(stream)

    def has(self, unit: Unit) -> bool:
        return any(entry.unit == unit for entry in self._measured())

    def of(self, cell: str) -> list[Measured]:
        """The cell's measurements, without sentinels."""
        return [entry for entry in self._measured() if entry.unit.cell == cell and not entry.unit.sentinel]

    def sentinels(self) -> list[Sentinel]:
        """The measurements of the sentinel. An interrupted call may have used another one: only those of the last one
        count."""
        found = [entry for entry in self._measured() if entry.unit.sentinel]
        return [
            Sentinel(entry.cell, statistics.median(entry.sample.latency_ns), entry.readings.before.time)
            for entry in found
            if entry.cell == found[-1].cell
        ]

    def parity(self, cell: str, n: int) -> Parity | None:
        """How the cell's predictions of the first `n` test images there compare, if that was checked."""
        found = (entry.parity for entry in self.entries if isinstance(entry, Compared) and entry.cell == cell)
        return next((parity for parity in found if parity.n == n), None)

    def end(self, cells: Collection[str]) -> None:
        """Delete the entries of `cells`, which are in records now, and the journal with the last entry."""
        header, *lines = self.path.read_bytes().splitlines(keepends=True)
        left = [line for line in lines if (entry := _decoded(line)) and entry.cell not in cells]
        if left:
            store.write(self.path, header + b"".join(left))
            return
        self.path.unlink()
        with suppress(OSError):  # those of other series are still there
            self.path.parent.rmdir()

    def _measured(self) -> list[Measured]:
        return [entry for entry in self.entries if isinstance(entry, Measured)]


def _decoded(line: bytes) -> Entry | None:
    """An entry; None of a damaged line, which is measured again."""
    try:
        decoded: Entry = msgspec.json.decode(line, type=Entry)
        return decoded
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
