"""An excerpt of a run, small enough to publish: all records and predictions, some models, and a list of what it leaves out.

An excerpt is a run: it can be reported, verified and looked into like the one that it is of. Its files are packed.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import msgspec

from kit.errors import KitError
from kit.records import record as records
from kit.records import store
from kit.records.run import Run

LEFT_OUT = "left-out.json"  # the paths of the run's files that the excerpt has not, with their SHA-256


def make(run: Run, folder: Path, wanted: Callable[[str], bool]) -> list[Path]:
    """Write an excerpt of `run` into `folder` and return its files. `wanted` says of an output's path whether to keep it.

    Raises KitError where `run` has no records, or a file that its records name is missing or another one.
    """
    paths = run.record_paths()
    if not paths:
        raise KitError(f"{run.folder} has no records", "make some with `kit reproduce`")
    if (folder / "preset.json").is_file() and not (folder / LEFT_OUT).is_file():
        raise KitError(f"{folder} is a run, and an excerpt would take its place", "name another folder")
    if folder.exists() and not (folder / LEFT_OUT).is_file() and any(folder.iterdir()):
        raise KitError(f"{folder} is not empty, and no excerpt", "name a new folder: an excerpt has it for itself")
    files = {name: (run.folder / name).read_bytes() for name in _described_by(run, paths)}
    absent: dict[str, str] = {}
    for path in paths:
        for name, sha256 in records.read(path).outputs.items():
            if wanted(name):
                files[name + store.PACKED] = gzip.compress(_whole(run, name, sha256), compresslevel=9, mtime=0)
            else:
                absent[name] = sha256
    files[LEFT_OUT] = msgspec.json.format(msgspec.json.encode(absent, order="sorted"), indent=1) + b"\n"
    old = Run(folder, run.preset)
    for path in [*old.record_paths(), *folder.rglob(f"*{store.PACKED}")]:
        if old.relative(path) not in files:
            path.unlink()  # of an earlier excerpt
    for name, content in files.items():
        store.write(folder / name, content)
    return [folder / name for name in files]


def unpack(run: Run, folder: Path, wanted: Callable[[str], bool]) -> Run:
    """The excerpt `run` in `folder`, with those packed files unpacked whose path is wanted; a damaged one raises KitError.

    Records of benches are not taken over: they are of other machines. Raises KitError also where `folder` is another run.
    """
    if (folder / "preset.json").is_file() and not (folder / LEFT_OUT).is_file():
        raise KitError(f"{folder} is a run of its own", "name it, or move it away: the models of an excerpt go there")
    packed = sorted(run.folder.rglob(f"*{store.PACKED}"))
    for path in [run.folder / "preset.json", run.folder / LEFT_OUT, *run.record_paths(), *packed]:
        name = run.relative(path)
        if wanted(name.removesuffix(store.PACKED)):
            name = name.removesuffix(store.PACKED)
        content, target = store.read(run.folder / name), folder / name
        if content is None or path.name.startswith("bench"):
            continue
        if not target.is_file() or target.read_bytes() != content:
            store.write(target, content)
    return Run(folder, run.preset)


def left_out(run: Run) -> dict[str, str]:
    """What an excerpt does not hold, by path; nothing is left out of a whole run."""
    path = run.folder / LEFT_OUT
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str]) if path.is_file() else {}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise KitError(f"{path} is damaged ({error})", "get the excerpt again, or make it with `kit publish`") from error


def digest(run: Run, name: str) -> str | None:
    """SHA-256 of one of the run's files, packed or not; of what an excerpt leaves out, as its list says; else None."""
    path = run.folder / name
    if path.is_file():
        return store.sha256(path)
    content = store.read(path)
    return left_out(run).get(name) if content is None else store.digest(content)


def _described_by(run: Run, paths: list[Path]) -> list[str]:
    images = sorted((run.folder / "images").glob("*.json"))
    return [run.relative(path) for path in (run.folder / "preset.json", *paths, *images)]


def _whole(run: Run, name: str, sha256: str) -> bytes:
    content = store.read(run.folder / name)
    if content is None or store.digest(content) != sha256:
        raise KitError(f"{run.folder / name} is not what its record says", "`kit reproduce` with its preset makes it again")
    return content
