"""A stage: what it reads, what it writes, and when it has to run again."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kit.errors import KitError
from kit.records import excerpt, provenance, store
from kit.records import record as records
from kit.records.record import Record
from kit.records.run import Run
from kit.study.cells import Cell
from kit.study.preset import Preset


class Progress(Protocol):
    """Told now and then how far a stage is; `note` is a few words such as `epoch 3/20 loss 0.71`."""

    def __call__(self, done: int, total: int, note: str = "") -> None: ...


@dataclass(frozen=True)
class Work:
    """One stage at one cell, as handed to the code that does it."""

    run: Run
    cell: Cell
    data: Path
    fingerprint: str
    progress: Progress

    def path(self, file: str) -> Path:
        return self.run.path(self.cell, file)


@dataclass(frozen=True)
class Stage:
    """`version` is raised whenever what `execute` computes changes; results of older versions are then made again.

    `inputs` are the files it reads and `outputs` the names of the files it writes, in the cell's folder. `datasets` gives
    the content digests of the images it reads. `scratch` files, such as checkpoints, go once the record is written.
    `execute` returns the raw values for the record.
    """

    name: str
    version: int
    settings: Callable[[Preset, Cell], dict[str, Any]]
    inputs: Callable[[Run, Cell], list[Path]]
    outputs: tuple[str, ...]
    execute: Callable[[Work], dict[str, Any]]
    datasets: Callable[[Preset], dict[str, str]] = lambda preset: {}
    scratch: tuple[str, ...] = ()

    def fingerprint(self, run: Run, cell: Cell) -> str | None:
        """What the stage would read now, or None while an input is missing."""
        hashes = self._input_hashes(run, cell)
        if hashes is None:
            return None
        return records.fingerprint(self.name, self.version, self.settings(run.preset, cell), hashes)

    def _input_hashes(self, run: Run, cell: Cell) -> dict[str, str] | None:
        hashes = {name: excerpt.digest(run, name) for name in map(run.relative, self.inputs(run, cell))}
        known = {name: digest for name, digest in hashes.items() if digest}
        return None if len(known) < len(hashes) else known | self.datasets(run.preset)

    def is_fresh(self, run: Run, cell: Cell) -> bool:
        """Whether the stage ran with exactly what it would read now, and its outputs are whole."""
        try:
            record = run.record(self.name, cell)
        except KitError:
            return False
        return (
            record is not None
            and record.fingerprint == self.fingerprint(run, cell)
            and all(excerpt.digest(run, name) == digest for name, digest in record.outputs.items())
        )

    def perform(self, run: Run, cell: Cell, data: Path, progress: Progress) -> Record:
        """Run the stage and write its record, last, so that a record means finished work."""
        hashes = self._input_hashes(run, cell)
        if hashes is None:
            raise KitError(f"{self.name} {cell.name} misses an input", "run the stages before it first")
        settings = self.settings(run.preset, cell)
        fingerprint = records.fingerprint(self.name, self.version, settings, hashes)
        started, clock = datetime.datetime.now(datetime.UTC), time.monotonic()
        values = self.execute(Work(run, cell, data, fingerprint, progress))
        record = Record(
            format=records.FORMAT,
            stage=self.name,
            cell=cell.name,
            version=self.version,
            settings=settings,
            inputs=hashes,
            outputs={run.relative(p): store.sha256(p) for p in (run.path(cell, file) for file in self.outputs)},
            values=values,
            environment=provenance.environment(),
            started=started.isoformat(timespec="seconds"),
            duration_s=round(time.monotonic() - clock, 3),
            fingerprint=fingerprint,
        )
        store.write(run.record_path(self.name, cell), records.encode(record))
        for file in self.scratch:
            run.path(cell, file).unlink(missing_ok=True)
        return record
