"""A bundle of a run, small enough to publish: all records and predictions, some models, and a list of what it leaves out.

A bundle is itself a run: it can be reported on, verified and inspected like the original. Its files are packed. Of
predictions it keeps those of the test images.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import msgspec

from kit import store
from kit.errors import KitError
from kit.runs import predictions
from kit.runs.artifacts import PREDICTIONS, PRESET, TEST_PREDICTIONS
from kit.runs.looks import LOOKS
from kit.runs.record import read_record
from kit.runs.run import Run

LEFT_OUT = "left-out.json"  # the paths of the run's files that are missing from the bundle, with their SHA-256
PARTS = "parts.json"  # the paths of what the bundle keeps of such files, with their SHA-256


def make(run: Run, folder: Path, wanted: Callable[[str], bool]) -> list[Path]:
    """Write a bundle of `run` into `folder` and return its files. `wanted` tells from an output's path whether to keep it.

    Until all is written the folder is no run, and the same call resumes. Raises KitError if `run` has no records, if a file
    that its records name is missing or does not match, or if `folder` is a run or has files but is no bundle.
    """
    paths = run.record_paths()
    if not paths:
        raise KitError(f"{run.folder} has no records", f"make some with `{run.command}`")
    is_bundle = (folder / LEFT_OUT).is_file()
    if folder.resolve() == run.folder.resolve() or ((folder / PRESET).is_file() and not is_bundle):
        raise KitError(f"{folder} is a run, and a bundle would overwrite it", "name another folder")
    if folder.exists() and not is_bundle and not all(path.match(f".{LEFT_OUT}.*.partial") for path in folder.iterdir()):
        raise KitError(f"{folder} is neither empty nor a bundle", "choose a new folder: a bundle needs one of its own")
    files = {name: (run.folder / name).read_bytes() for name in _described_by(run, paths)}
    absent: dict[str, str] = {}
    kept: dict[str, str] = {}
    for path in paths:
        for name, sha256 in read_record(path).outputs.items():
            if not wanted(name):
                absent[name] = sha256
                continue
            place, content = _kept(run, name, sha256)
            if place != name:
                absent[name], kept[place] = sha256, store.digest(content)
            files[place + store.PACKED] = gzip.compress(content, compresslevel=9, mtime=0)
    preset = files.pop(PRESET)  # with it, the folder is a run: it goes first and comes last
    files = {LEFT_OUT: _listed(absent), PARTS: _listed(kept), **files, PRESET: preset}
    (folder / PRESET).unlink(missing_ok=True)
    store.remove_partial(folder)
    old = Run(folder, run.preset)
    for path in [folder / LOOKS, *old.record_paths(), *folder.rglob(f"*{store.PACKED}")]:
        if old.relative(path) not in files:
            path.unlink(missing_ok=True)  # of an earlier bundle
    for name, content in files.items():
        store.write(folder / name, content)
    return [folder / name for name in files]


def unpack(run: Run, folder: Path, wanted: Callable[[str], bool]) -> Run:
    """The bundle `run` in `folder`, with the packed files whose path is wanted unpacked; a damaged one raises KitError.

    Bench records are not copied: they are from other machines. The same call resumes. Also raises KitError if `folder` is
    another run.
    """
    if (folder / PRESET).is_file() and not (folder / LEFT_OUT).is_file():
        raise KitError(f"{folder} is a run already", "name it, or move it away: the bundle's models are unpacked there")
    packed = sorted(run.folder.rglob(f"*{store.PACKED}"))
    lists = [path for name in (LEFT_OUT, PARTS, LOOKS) if (path := run.folder / name).is_file()]
    for path in [*lists, *run.record_paths(), *packed, run.folder / PRESET]:
        name = run.relative(path)
        if wanted(name.removesuffix(store.PACKED)):
            name = name.removesuffix(store.PACKED)
        content, target = store.read(run.folder / name), folder / name
        if content is None or path.name.startswith("bench"):
            continue
        if not target.is_file() or target.read_bytes() != content:
            store.write(target, content)
    return Run(folder, run.preset)


def unpacked_place(run: Run, folder: Path) -> Path:
    """Where a bundle is unpacked: `folder`, or one beside it if there is another bundle of the same name in that."""
    own, there = _identity(run.folder), _identity(folder)
    if there.items() <= own.items() or LEFT_OUT not in there:
        return folder
    return folder.with_name(f"{folder.name}-{store.digest(b''.join(own.values()))[:8]}")


def _identity(folder: Path) -> dict[str, bytes]:
    """What tells bundles apart, of the one in `folder`; less of it where it was not finished, nothing without one."""
    return {name: path.read_bytes() for name in (PRESET, LEFT_OUT) if (path := folder / name).is_file()}


def left_out(run: Run) -> dict[str, str]:
    """What a bundle does not contain, by path; empty for a whole run."""
    return _listed_in(run.folder / LEFT_OUT)


def parts(run: Run) -> dict[str, str]:
    """What a bundle keeps of files that it leaves out, by path; empty for a run, and for a bundle of an earlier kit."""
    return _listed_in(run.folder / PARTS)


def part_of(name: str) -> str:
    """The path of what a bundle keeps of one of a run's files: of predictions, those of the test images."""
    folder, slash, file = name.rpartition("/")
    return folder + slash + TEST_PREDICTIONS if file == PREDICTIONS else name


def _listed(files: dict[str, str]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(files, order="sorted"), indent=1) + b"\n"


def _listed_in(path: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str]) if path.is_file() else {}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise KitError(f"{path} is damaged ({error})", "get the bundle again, or recreate it with `kit publish`") from error


def digest(run: Run, name: str) -> str | None:
    """SHA-256 of one of the run's files, packed or not; of files that a bundle leaves out, from its list; else None.

    Of a file that it keeps a part of, the list only counts if that part is the listed one: else the part's own.
    """
    path = run.folder / name
    if path.is_file():
        return store.sha256(path)
    content = store.read(path)
    return (_other_part(run, name) or left_out(run).get(name)) if content is None else store.digest(content)


def _other_part(run: Run, name: str) -> str | None:
    part = part_of(name)
    listed = parts(run).get(part)
    content = store.read(run.folder / part) if listed else None
    return None if content is None or store.digest(content) == listed else store.digest(content)


def _described_by(run: Run, paths: list[Path]) -> list[str]:
    images = sorted((run.folder / "images").glob("*.json"))
    plan = [path for path in [run.folder / LOOKS] if path.is_file()]
    return [run.relative(path) for path in (run.folder / PRESET, *plan, *paths, *images)]


def _kept(run: Run, name: str, sha256: str) -> tuple[str, bytes]:
    """Path and content of what a bundle keeps of one of the run's files."""
    part = part_of(name)
    if part == name:
        return name, _whole(run, name, sha256)
    known = parts(run).get(part)
    return part, _whole(run, part, known) if known else predictions.test_part(_whole(run, name, sha256))


def _whole(run: Run, name: str, sha256: str) -> bytes:
    content = store.read(run.folder / name)
    if content is None and name in left_out(run):
        raise KitError(f"{run.folder} is a bundle already, without {name}", "publish the run that it is of")
    if content is None or store.digest(content) != sha256:
        raise KitError(f"{run.folder / name} does not match its record", f"`{run.command}` makes it again")
    return content
