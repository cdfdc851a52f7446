"""A run as an RO-Crate 1.1 with the Process Run Crate profile: its files, and the stage that made each from which others.

https://www.researchobject.org/ro-crate/1.1/ and https://www.researchobject.org/workflow-run-crate/profiles/process_run_crate
"""

from __future__ import annotations

import datetime
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import msgspec
from rocrate.model.contextentity import ContextEntity
from rocrate.model.file import File
from rocrate.rocrate import ROCrate

from kit import store
from kit.errors import KitError
from kit.runs.record import Record, read_record
from kit.runs.run import Run
from kit.study import datasets
from kit.study.published import published

T = TypeVar("T")

METADATA = "ro-crate-metadata.json"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_TERMS = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}  # not among those of RO-Crate 1.1
_TYPES = {".json": "application/json", ".tflite": "application/octet-stream", ".safetensors": "application/octet-stream"}


def metadata(run: Run) -> bytes:
    """The content of the run's `ro-crate-metadata.json`, from its records alone. Raises KitError if it has none."""
    paths = run.record_paths()
    if not paths:
        raise KitError(f"{run.folder} has no results yet", f"run `{run.command}` first")
    made = ROCrate(version="1.1")
    made.metadata.extra_terms.update(_TERMS)
    found = _readable(run, paths)
    _describe(made, run, list(found.values()))
    _file(made, run, "preset.json", store.sha256(run.folder / "preset.json"))
    for path, record in found.items():
        _add(made, run, path, record)
    return msgspec.json.format(msgspec.json.encode(made.metadata.generate(), order="sorted"), indent=1) + b"\n"


def _readable(run: Run, paths: list[Path]) -> dict[str, Record]:
    """The records that can be read, by their paths in the run; the report names the others."""
    found: dict[str, Record] = {}
    for path in paths:
        with suppress(KitError):
            found[run.relative(path)] = read_record(path)
    return found


def _describe(made: ROCrate, run: Run, found: list[Record]) -> None:
    known = datasets.get(run.preset.dataset)
    root = made.root_dataset
    made.name = f"{run.name}: quantization and pruning of mobile CNNs on {known.label}"
    made.description = (
        f"A run of kit with preset {run.preset.name}: trained, pruned and quantized networks, their measurements, and a "
        f"record of each step. It reproduces: {published().source}"
    )
    made.datePublished = max(_ended(record) for record in found)
    root["conformsTo"] = _entity(made, _PROFILE, "CreativeWork", name="Process Run Crate", version="0.5")
    root["license"] = _entity(
        made, "#license", "CreativeWork", name="Not stated", description="Who publishes this run says under which licence."
    )
    for version in sorted({str(record.environment["kit"]) for record in found}):
        _entity(made, f"#kit-{version}", "SoftwareApplication", name="kit", version=version)
    for split, digest in (("train", known.train_digest), ("test", known.test_digest)):
        _entity(
            made, f"#dataset-{split}", "Dataset", name=f"{known.label}, {split}", description=known.source, sha256=digest
        )


def _add(made: ROCrate, run: Run, path: str, record: Record) -> None:
    """A record, what its stage wrote, and the action that did so."""
    written = [_file(made, run, path, store.sha256(run.folder / path))]
    written += [_file(made, run, name, digest) for name, digest in sorted(record.outputs.items()) if _is_there(run, name)]
    action = _entity(
        made,
        f"#{path.removesuffix('.json')}",
        "CreateAction",
        name=f"{record.stage} {record.cell}",
        description=f"On {record.environment['processor']}, {record.environment['system']}.",
        startTime=record.started,
        endTime=_ended(record).isoformat(timespec="seconds"),
    )
    action["instrument"] = {"@id": f"#kit-{record.environment['kit']}"}
    read = [name for name in sorted(record.inputs) if name.startswith("dataset:") or _is_there(run, name)]
    action["object"] = _single([{"@id": _read(name)} for name in read])
    action["result"] = _single(written)
    made.root_dataset.append_to("mentions", action)


def _file(made: ROCrate, run: Run, name: str, digest: str) -> File:
    path = run.folder / name
    properties = {
        "contentSize": str(path.stat().st_size),
        "encodingFormat": _TYPES.get(path.suffix, "application/octet-stream"),
        "sha256": digest,
    }
    return made.add_file(dest_path=name, properties=properties)


def _entity(made: ROCrate, identifier: str, kind: str, **properties: str) -> ContextEntity:
    return made.add(ContextEntity(made, identifier, properties={"@type": kind, **properties}))


def _read(name: str) -> str:
    """The crate's identifier of what a record names as input: a file's path as a URI, or `dataset:train`."""
    return f"#dataset-{name[8:]}" if name.startswith("dataset:") else quote(name)


def _single(links: list[T]) -> T | list[T]:
    """RO-Crate wants a single value bare, not as a list of one."""
    return links[0] if len(links) == 1 else links


def _is_there(run: Run, name: str) -> bool:
    return (run.folder / name).is_file()


def _ended(record: Record) -> datetime.datetime:
    return datetime.datetime.fromisoformat(record.started) + datetime.timedelta(seconds=record.duration_s)
