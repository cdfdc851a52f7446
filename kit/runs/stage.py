"""A stage: what it reads, what it writes, and when it has to run again."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from msgspec import Struct

from kit import store
from kit.errors import KitError
from kit.runs import bundle, environment
from kit.runs.artifacts import Artifact
from kit.runs.record import FORMAT, Record, encode_record, fingerprint_of, is_whole, plain, read_record
from kit.runs.run import Run
from kit.study.grid import Cell
from kit.study.preset import Preset


class StageProgress(Protocol):
    """Called now and then with a stage's progress; `note` is a few words such as `epoch 3/20 loss 0.71`."""

    def __call__(self, done: int, total: int, note: str = "") -> None: ...


@dataclass(frozen=True)
class StageContext:
    """What a stage's `execute` is given: the run, the cell, and a callback for progress."""

    run: Run
    cell: Cell
    data: Path
    fingerprint: str
    progress: StageProgress

    def path(self, file: str) -> Path:
        return self.run.path(self.cell, file)


class State(StrEnum):
    """How a stage's record compares with what the stage would do now. `older`: made by an earlier version of the stage, of
    the same settings and inputs; it counts, and is labelled."""

    fresh = "fresh"
    older = "older"
    stale = "stale"
    missing = "missing"

    @property
    def is_done(self) -> bool:
        return self in (State.fresh, State.older)


class Finding(Struct, frozen=True):
    """How a record stands. `why` says why it is stale, or missing although there is a file: damaged. It `belongs` unless
    something contradicts it: that a file is missing makes the stage run again, and takes nothing from the record."""

    state: State
    why: tuple[str, ...] = ()
    belongs: bool = True

    @property
    def is_done(self) -> bool:
        return self.state.is_done


@dataclass(frozen=True)
class Hashes:
    """The SHA-256 of a run's file by its path in the run: as it is there, and as the record of what wrote it says."""

    there: Callable[[str], str | None]
    claimed: Callable[[str], str | None] = lambda name: None

    def objection(self, name: str, recorded: str | None) -> tuple[str, bool] | None:
        """What a record says wrongly of a file, and whether that contradicts it; None if nothing."""
        try:
            there = self.there(name)
        except (OSError, KitError):
            return f"{name} cannot be read", True
        if there == recorded:
            return None
        if there is None and self.claimed(name) in (None, recorded):
            return f"{name} is missing", False
        return f"{name} is another file now", True


@dataclass(frozen=True)
class Stage:
    """`version` is raised whenever what `execute` computes changes.

    `applies` says which cells and variants it has a task for. `inputs` are the files it reads and `outputs` the names of
    those it writes, in the cell's folder: the order of stages follows from them. `settings` leaves out what is at its
    default. `datasets` gives the content digests of the images it reads. `scratch` files, such as checkpoints, go once the
    record is written. `execute` returns the record's `values`. Tasks of one `process` over the same
    variant share one, with what is slow to load. `estimate_s` is about how many seconds it takes on one core of a PC.
    `recomputed` gives the values that follow from the content of its first output: `kit verify` compares them.
    A stage on demand is only done where the preset or a command asks for it, and for the first of their seeds.
    """

    name: str
    version: int
    settings: Callable[[Preset, Cell], Mapping[str, object]]
    applies: Callable[[Cell], bool]
    inputs: Callable[[Cell], tuple[Artifact, ...]]
    outputs: tuple[str, ...]
    values: type[Struct]
    execute: Callable[[StageContext], Struct]
    estimate_s: Callable[[Preset, Cell], float]
    datasets: Callable[[Preset], dict[str, str]] = lambda preset: {}
    scratch: tuple[str, ...] = ()
    process: Literal["tensorflow", "interpreter"] = "interpreter"
    recomputed: Callable[[bytes], Mapping[str, object]] = lambda content: {}
    is_on_demand: bool = False

    def fingerprint(self, run: Run, cell: Cell) -> str | None:
        """The fingerprint of what the stage would read now, or None while an input is missing."""
        hashes = self._input_hashes(run, cell)
        if hashes is None:
            return None
        return fingerprint_of(self.name, self.version, self.settings(run.preset, cell), hashes)

    def _input_hashes(self, run: Run, cell: Cell) -> dict[str, str] | None:
        hashes = {name: bundle.digest(run, name) for name in self._input_names(run, cell)}
        known = {name: digest for name, digest in hashes.items() if digest}
        return None if len(known) < len(hashes) else known | self.datasets(run.preset)

    def _input_names(self, run: Run, cell: Cell) -> list[str]:
        return [run.relative(run.path(artifact.cell, artifact.file)) for artifact in self.inputs(cell)]

    def state(self, run: Run, cell: Cell) -> State:
        """Whether the stage ran with what it would read now, and its outputs are whole. A damaged record counts as
        missing."""
        return self.finding(run, cell, Hashes(partial(bundle.digest, run))).state

    def finding(self, run: Run, cell: Cell, hashes: Hashes) -> Finding:
        """The same with its reasons."""
        try:
            record = run.record(self.name, cell)
        except KitError as error:
            return Finding(State.missing, (error.wrong,), False)
        if record is None:
            return Finding(State.missing)
        wrong = list(self._contradictions(run, cell, record))
        files = {name: record.inputs.get(name) for name in self._input_names(run, cell)} | record.outputs
        objections = [found for name, recorded in files.items() if (found := hashes.objection(name, recorded))]
        if wrong or objections:
            why = (*wrong, *(text for text, _ in objections))
            return Finding(State.stale, why, not wrong and not any(contradicts for _, contradicts in objections))
        return Finding(State.fresh if record.version == self.version else State.older)

    def _contradictions(self, run: Run, cell: Cell, record: Record) -> Iterator[str]:
        """Why a record is not what the stage would leave with the run's preset, as far as it can be told without files."""
        if (record.stage, record.cell) != (self.name, cell.name):
            yield f"it is the record of {record.stage} {record.cell}"
        if not is_whole(read_record(run.record_path(self.name, cell))):
            yield "its settings or inputs are not those that its fingerprint is over"
        yield from self.moved(run, cell, record)
        if self.has_other_images(run, record):
            yield "made from the images of another data set"
        if record.version > self.version:
            yield f"version {record.version} of its stage made it, this kit has {self.version}"

    def has_other_images(self, run: Run, record: Record) -> bool:
        """Whether a record was made from other images than those of the run's preset."""
        images = {name: digest for name, digest in record.inputs.items() if name.startswith("dataset:")}
        return images != self.datasets(run.preset)

    def moved(self, run: Run, cell: Cell, record: Record) -> list[str]:
        """The settings that a record was not made with, each as `epochs 20, now 30`."""
        old, now = record.settings, self.settings(run.preset, cell)
        old, now = dict(_flat(old)), dict(_flat(now))
        names = [name for name in {**old, **now} if old.get(name) != now.get(name)]
        return [f"{name} {old.get(name, 'at its default')}, now {now.get(name, 'at its default')}" for name in names]

    def perform(self, run: Run, cell: Cell, data: Path, progress: StageProgress) -> Record:
        """Run the stage and write its record, last, so that a record means finished work."""
        hashes = self._input_hashes(run, cell)
        if hashes is None:
            raise KitError(f"{self.name} {cell.name} is missing an input", "run the stages before it first")
        settings = self.settings(run.preset, cell)
        fingerprint = fingerprint_of(self.name, self.version, settings, hashes)
        started, clock = datetime.datetime.now(datetime.UTC), time.monotonic()
        values = self.execute(StageContext(run, cell, data, fingerprint, progress))
        record = Record(
            format=FORMAT,
            stage=self.name,
            cell=cell.name,
            version=self.version,
            settings=settings,
            inputs=hashes,
            outputs={run.relative(p): store.sha256(p) for p in (run.path(cell, file) for file in self.outputs)},
            values=plain(values),
            environment=environment.environment(run.folder.parent),
            started=started.isoformat(timespec="seconds"),
            duration_s=round(time.monotonic() - clock, 3),
            fingerprint=fingerprint,
        )
        store.write(run.record_path(self.name, cell), encode_record(record))
        for file in self.scratch:
            run.path(cell, file).unlink(missing_ok=True)
        return record


def _flat(settings: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The settings, and those in a table one by one, as `network.sha256`."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", inner) for key, inner in value.items())
        else:
            yield name, value
