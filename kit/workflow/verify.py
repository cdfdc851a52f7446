"""Recompute what a run's records say from what the run has stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from kit import store
from kit.bench import legacy, request
from kit.errors import KitError
from kit.runs import bundle
from kit.runs.record import Record, is_whole, read_as, read_record
from kit.runs.run import Run
from kit.runs.stage import State
from kit.stages.registry import STAGES
from kit.stages.standing import Standing
from kit.stages.values import FitValues
from kit.study.grid import named
from kit.workflow.graph import Graph


def problems(run: Run) -> Iterator[str]:
    """One line for each problem; none for a sound run. Raises KitError if the run has no records."""
    paths = run.record_paths()
    if not paths:
        raise KitError(f"{run.folder} has no records", f"make some with `{run.command}`")
    yield from not_belonging(run)
    for path in paths:
        try:
            record = read_record(path)
        except KitError as error:
            yield str(error)
            continue
        try:
            wrongs = [*_misplaced(run, path, record), *_wrong(run, record)]
        except KitError as error:
            wrongs = [str(error)]
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            wrongs = [f"its values do not fit its stage ({type(error).__name__}: {error})"]
        yield from (f"{record.stage} {record.cell}: {wrong}" for wrong in wrongs)


def _misplaced(run: Run, path: Path, record: Record) -> Iterator[str]:
    # A host's bench is stored next to the local one, with the host and the protocol in its name: bench.KEY.json.
    cell = named(record.cell, run.preset.seeds[0])
    if path.parent != run.folder / run.name_of(cell) or not path.name.startswith(f"{record.stage}."):
        yield f"{run.relative(path)} does not belong there"


def not_belonging(run: Run) -> Iterator[str]:
    """Records that are not of the run's preset, or not of each other."""
    standing = Standing(run)
    for task in Graph(run.preset.cells()).wanted(tuple(STAGES)):
        found = standing.of(task.stage, task.cell)
        if found.state is State.stale and not found.belongs:
            yield f"{task.name} is stale: {'; '.join(found.why)}"
    for cell in run.preset.cells():
        for path in run.bench_paths(cell):
            with suppress(KitError):  # what is damaged is said once
                if not (found := standing.of_bench(cell, run.read(path))).belongs:
                    yield f"{run.relative(path)} is stale: {'; '.join(found.why)}"


def _wrong(run: Run, record: Record) -> Iterator[str]:
    if not is_whole(record):
        yield "settings or inputs are not those that its fingerprint is over"
    contents: dict[str, bytes] = {}
    for name, digest, listed in _files(run, record):
        content = store.read(run.folder / name)
        if content is None:
            yield f"{name} is missing"
        elif store.digest(content) != digest:
            yield f"{name} does not match its SHA-256 in {listed}"
        else:
            contents[name] = content
    yield from (unfit := list(_unfit(record)))
    output = next(iter(record.outputs), "")
    content = contents.get(output, contents.get(bundle.part_of(output)))
    if content is not None and record.stage in STAGES and not unfit:
        yield from _otherwise(record.values, STAGES[record.stage].recomputed(content))


def _unfit(record: Record) -> Iterator[str]:
    """What keeps the record's values from being those of its stage."""
    try:
        if record.stage == request.STAGE:
            legacy.values(record)
        elif record.stage in STAGES:
            values = read_as(STAGES[record.stage].values, record.values, record)
            if isinstance(values, FitValues) and getattr(values, "best_epoch", 0) not in range(len(values.history)):
                yield "its history is too short"
    except (KitError, LookupError, TypeError) as error:
        yield f"its values do not fit its stage ({error.__cause__ or error})"


def _files(run: Run, record: Record) -> Iterator[tuple[str, str, str]]:
    """Path, SHA-256 and where that is listed of each file that the record names, or of what a bundle keeps of it."""
    known, parts = bundle.left_out(run), bundle.parts(run)
    for name, digest in {**record.inputs, **record.outputs}.items():
        if name.startswith("dataset:"):
            continue
        if known.get(name) != digest or store.is_there(run.folder / name):
            yield name, digest, "the record"
        elif (part := bundle.part_of(name)) in parts:
            yield part, parts[part], bundle.PARTS


def _otherwise(stored: Mapping[str, object], recomputed: Mapping[str, object], where: str = "") -> Iterator[str]:
    """One line for each value that is not what follows from the file."""
    for key, value in recomputed.items():
        own = stored[key]
        if isinstance(value, dict) and isinstance(own, dict) and not where:
            yield from _otherwise(own, value, f"{key} ")
        elif not _is_same(own, value):
            yield f"{where}{key} is {own} in the record and {value} from the file"


def _is_same(stored: object, value: object) -> bool:
    """Whether two counts are: integers exactly, sums of floats but for the last digits."""
    if isinstance(value, dict):
        if not isinstance(stored, dict) or stored.keys() != value.keys():
            return False
        return all(_is_same(stored[key], own) for key, own in value.items())
    if isinstance(value, list):
        return isinstance(stored, list) and len(stored) == len(value) and all(map(_is_same, stored, value))
    if isinstance(value, float):
        return isinstance(stored, int | float) and abs(value - stored) <= 1e-9 * max(abs(value), 1)
    return stored == value
