"""A run: the folder with everything that one preset produced. It can be moved, resumed, verified and reported on its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kit import store
from kit.errors import KitError
from kit.runs import legacy
from kit.runs.artifacts import PRESET
from kit.runs.record import Record, read_record
from kit.study import possible
from kit.study.grid import Cell
from kit.study.preset import Preset, built_in


class NotARunError(KitError):
    """A folder without a preset that can be read."""


class Run(Struct, frozen=True):
    """A run's folder and its preset. All paths in records are relative to `folder`.

    `is_seeded` is False for a run of an earlier kit, with one seed and folders that don't name it. `is_part` is True for one
    seed of several.
    """

    folder: Path
    preset: Preset
    is_seeded: bool = True
    is_part: bool = False

    @property
    def name(self) -> str:
        name = self.folder.resolve().name
        return f"{name}@{self.preset.seeds[0]}" if self.is_part else name

    @property
    def command(self) -> str:
        """What brings the run up to date."""
        return f"{self.made_by} --run {self.folder}"

    @property
    def made_by(self) -> str:
        """What makes such a run. A preset of the user's own is named by its name, unless it lies in the run."""
        name = self.preset.name
        known = built_in(self.preset)
        is_built_in = known is not None and replace(self.preset, seeds=known.seeds) in (known, known.with_extra())
        own = self.folder / f"{name}.toml"
        preset = name if is_built_in else own if own.is_file() else own.name
        return f"kit reproduce --preset {preset}"

    def by_seed(self) -> list[Run]:
        """The run seed by seed; itself if it has only one."""
        if len(self.preset.seeds) == 1:
            return [self]
        return [msgspec.structs.replace(self, preset=self.preset.of_seed(s), is_part=True) for s in self.preset.seeds]

    def name_of(self, cell: Cell) -> str:
        """The cell's folder, relative to the run's."""
        return cell.name if self.is_seeded else cell.point.name

    def path(self, cell: Cell, file: str) -> Path:
        return self.folder / self.name_of(cell) / file

    def relative(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def record_path(self, stage: str, cell: Cell) -> Path:
        return self.path(cell, f"{stage}.json")

    def record(self, stage: str, cell: Cell) -> Record | None:
        path = self.record_path(stage, cell)
        return self.read(path) if path.is_file() else None

    def read(self, path: Path) -> Record:
        """One record, in today's terms. Raises KitError if it is damaged or of a later format."""
        return legacy.record(read_record(path), self.preset.seeds[0])

    def bench_paths(self, cell: Cell) -> list[Path]:
        """The records of a cell's benches: this machine's own first, then those of hosts, by their keys."""
        found = (self.folder / self.name_of(cell)).glob("bench*.json")
        return sorted(found, key=lambda path: (not path.name.startswith(("bench.json", "bench.local-")), path.name))

    def record_paths(self) -> list[Path]:
        """The files of all records, sorted."""
        first = f"*@{self.preset.seeds[0]}" if self.is_part else "*"
        return sorted(self.folder.glob(f"{first}/*/**/*.json"))

    def records(self) -> list[Record]:
        """All records of the run, sorted by path."""
        return [self.read(path) for path in self.record_paths()]


def create(folder: Path, preset: Preset) -> Run:
    """Create the run's folder, or give an existing one this preset: whatever that changes will run again."""
    old = _opened(folder)
    if old and old.preset == preset:
        return old
    if old and not old.is_seeded:
        raise KitError(f"{folder} is a run of an earlier kit with another preset", "name a new folder with --run")
    store.write(folder / PRESET, msgspec.json.format(msgspec.json.encode(preset), indent=1) + b"\n")
    return Run(folder, preset)


def existing(folder: Path, preset: Preset) -> Run:
    """The run in `folder` as `preset` sees it, even if it does not exist yet."""
    return msgspec.structs.replace(_opened(folder) or Run(folder, preset), preset=preset)


def _opened(folder: Path) -> Run | None:
    """The run in `folder`. None without one, and if its preset is damaged: who has the preset can write it again, and the
    records say themselves what made them."""
    with suppress(NotARunError):
        return open_run(folder)
    return None


def open_run(folder: Path) -> Run:
    """The run in `folder`. Raises NotARunError if there is none, or if its preset is damaged, and KitError if one of its
    folders is a link that leads out of it: what is written or deleted in a stranger's bundle stays in it."""
    path = folder / PRESET
    if not path.is_file():
        raise NotARunError(f"{folder} is not a run", "create one with `kit reproduce`, or name a run's folder")
    if link := next(_links_out_of(folder), None):
        raise KitError(f"{link} leads out of its run, to {link.resolve()}", "put a folder in the place of the link")
    try:
        raw = msgspec.json.decode(path.read_bytes())
        preset = msgspec.convert(legacy.preset(raw), Preset)
        if wrong := next(possible.networks(preset), None):
            raise ValueError(wrong)
        return Run(folder, preset, not legacy.is_unseeded(raw))
    except (msgspec.DecodeError, RecursionError, TypeError, LookupError, AttributeError, ValueError) as error:
        raise NotARunError(f"{path} is damaged ({error})", "run `kit reproduce` with its preset again") from error


def _links_out_of(folder: Path) -> Iterator[Path]:
    root = folder.resolve()
    for parent, names, _ in os.walk(root):
        for name in names:
            path = Path(parent, name)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                yield folder / path.relative_to(root)


def damaged(run: Run) -> list[str]:
    """A line for each record that cannot be read."""
    found = []
    for path in run.record_paths():
        try:
            run.read(path)
        except KitError as error:
            found.append(error.wrong)
    return found
