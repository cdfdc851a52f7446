"""A run: the folder with everything that one preset made. It can be moved, resumed, verified and reported on its own."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from kit.errors import KitError
from kit.records import record as records
from kit.records import store
from kit.records.record import Record
from kit.study.cells import Cell
from kit.study.preset import Preset


class Run(Struct, frozen=True):
    """A run's folder and its preset. All paths in records are relative to `folder`."""

    folder: Path
    preset: Preset

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    def path(self, cell: Cell, file: str) -> Path:
        return self.folder / cell.name / file

    def relative(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def record_path(self, stage: str, cell: Cell) -> Path:
        return self.path(cell, f"{stage}.json")

    def record(self, stage: str, cell: Cell) -> Record | None:
        path = self.record_path(stage, cell)
        return records.read(path) if path.is_file() else None

    def bench_paths(self, cell: Cell) -> list[Path]:
        """The records of a cell's benches: this machine's own first, then those of hosts, by their keys."""
        found = (self.folder / cell.name).glob("bench*.json")
        return sorted(found, key=lambda path: (path.name != "bench.json", path.name))

    def record_paths(self) -> list[Path]:
        """The files of all records, sorted."""
        return sorted(self.folder.glob("*/s[0-9][0-9]/**/*.json"))

    def records(self) -> list[Record]:
        """All records of the run, sorted by path."""
        return [records.read(path) for path in self.record_paths()]


def create(folder: Path, preset: Preset) -> Run:
    """Make the run's folder, or take the one that is there and give it this preset: what it changes will run again."""
    content = msgspec.json.format(msgspec.json.encode(preset), indent=1) + b"\n"
    path = folder / "preset.json"
    if not path.is_file() or path.read_bytes() != content:
        store.write(path, content)
    return Run(folder, preset)


def open_run(folder: Path) -> Run:
    """The run in `folder`. Raises KitError where there is none."""
    path = folder / "preset.json"
    if not path.is_file():
        raise KitError(f"{folder} is not a run", "make one with `kit reproduce`, or name the folder of one")
    try:
        return Run(folder, msgspec.json.decode(path.read_bytes(), type=Preset))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise KitError(f"{path} is damaged ({error})", "run `kit reproduce` with its preset again") from error
