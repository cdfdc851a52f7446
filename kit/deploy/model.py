"""A classifier to predict with: a folder that `kit export` wrote, a cell of a run, or any other .tflite file."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
from msgspec import Struct

from kit import store
from kit.deploy import inside, metadata
from kit.errors import KitError
from kit.runs.artifacts import MODEL, PRESET
from kit.runs.run import Run, open_run
from kit.store import PACKED
from kit.study.grid import Cell

_MOST_LABELS = 1_000_000  # bytes of a file with labels


Input = tuple[tuple[float, ...], tuple[float, ...]]


class Model(Struct, frozen=True):
    """A .tflite file, and what its numbers mean as far as that is known.

    `input` is scale and offset: the network takes pixel (0 to 255) * scale + offset, with one value or one for each channel.
    `shape` is the size of its input where
    the file leaves it open, as it was typed.
    """

    path: Path
    labels: tuple[str, ...] = ()
    input: Input | None = None
    shape: str = ""


def of_cell(run: Run, cell: Cell) -> Model:
    """The model of a run's cell, with its classes."""
    known = run.preset.architecture(cell.architecture)
    classes = tuple(" ".join(name.split()) for name in run.preset.data.classes)
    return Model(run.path(cell, MODEL), classes, ((known.input_scale,), (known.input_offset,)))


def named(path: Path, runs: Path, scratch: Path) -> Model:
    """The model at `path`, which may be relative to `runs`; one that a bundle has packed is unpacked in `scratch`. Raises
    KitError if there is none."""
    for place in (path, runs / path):
        if found := _in_a_run(place):
            return _unpacked(*found, scratch)
        file = place / MODEL if place.is_dir() else place
        if file.is_file():
            return _by_itself(file)
    raise KitError(f"no model at {path}", "name a folder that `kit export` wrote, a cell of a run, or a .tflite file")


def _in_a_run(place: Path) -> tuple[Run, Cell] | None:
    """The run and its cell that `place` names, by its folder or its file; None if it is in none. Raises KitError if it is a
    cell of several seeds."""
    absolute = place.absolute()
    named = absolute.parent if absolute.name in (MODEL, MODEL + PACKED) else absolute
    for folder in list(named.parents)[:3]:
        if (folder / PRESET).is_file():
            run, name = open_run(folder), named.relative_to(folder).as_posix()
            cells = [cell for cell in run.preset.cells() if cell.precision and name in (cell.name, cell.point.name)]
            if len(cells) > 1:
                each = ", ".join(f"@{cell.seed}" for cell in cells)
                raise KitError(f"{place} is of several seeds ({each})", f"name one, such as {cells[0].name}")
            return (run, cells[0]) if cells else None
    return None


def _unpacked(run: Run, cell: Cell, scratch: Path) -> Model:
    model = of_cell(run, cell)
    if model.path.is_file():
        return model
    content = store.read(model.path)
    if content is None:
        raise KitError(f"{run.folder} has no .tflite file of {cell.name}", f"`{run.command}` makes one")
    file = scratch / MODEL
    store.write(file, content)
    return msgspec.structs.replace(model, path=file)


def _by_itself(file: Path) -> Model:
    """The model as it describes itself. Labels beside it come first: they can be changed."""
    about, beside = inside.read(file), file.with_name(metadata.LABELS)
    labels = labels_of(beside) if beside.is_file() else about.labels if about else ()
    return Model(file, labels, (about.scale, about.offset) if about else None)


def range_of(text: str) -> Input:
    """Scale and offset that turn pixels from 0 to 255 into `-1,1` or whatever `text` says. Raises KitError."""
    try:
        black, white = (float(part) for part in text.split(","))
    except ValueError:
        black = white = math.nan
    if not (math.isfinite(black) and math.isfinite(white)) or black == white:
        raise KitError(f"{text} is no range", "say what black and white are: --input-range -1,1")
    return ((white - black) / 255,), (black,)


def labels_of(path: Path) -> tuple[str, ...]:
    """The labels in a text file, one a line. Raises KitError if there are none."""
    try:
        with path.open("rb") as stream:
            lines = stream.read(_MOST_LABELS).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KitError(f"{path} cannot be read ({error})", "give a text file with one label a line") from error
    if not any(line.strip() for line in lines):
        raise KitError(f"{path} has no labels", "give a text file with one label a line")
    return tuple(" ".join(line.split()) for line in lines)
