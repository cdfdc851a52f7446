"""A record: what one stage did to one cell, as immutable JSON. Statistics are computed when it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TypeVar

import msgspec
from msgspec import Struct

from kit.errors import KitError

T = TypeVar("T")

FORMAT = 2  # 1: no seeds in names, settings at their default listed; see `kit.runs.legacy`


class Record(Struct, frozen=True, forbid_unknown_fields=True):
    """`inputs` and `outputs` map a file's path in the run (or `dataset`) to its SHA-256; `values` are raw, not summarized.

    `fingerprint` covers all that the stage reads: the stage's name and version, its settings and its inputs' hashes. A stage
    with an equal fingerprint and intact outputs is not run again.
    """

    format: int
    stage: str
    cell: str
    version: int
    settings: Mapping[str, object]
    inputs: dict[str, str]
    outputs: dict[str, str]
    values: Mapping[str, object]
    environment: Mapping[str, object]
    started: str
    duration_s: float
    fingerprint: str


def fingerprint_of(
    stage: str, version: int, settings: Mapping[str, object], inputs: Mapping[str, str], record_format: int = FORMAT
) -> str:
    """SHA-256 over the canonical JSON of what a stage reads."""
    read = {"format": record_format, "stage": stage, "version": version, "settings": settings, "inputs": inputs}
    return hashlib.sha256(msgspec.json.encode(read, order="sorted")).hexdigest()


def is_whole(record: Record) -> bool:
    """Whether a record's settings and inputs are those that its fingerprint is over."""
    own = fingerprint_of(record.stage, record.version, record.settings, record.inputs, record.format)
    return own == record.fingerprint


def encode_record(record: Record) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record, order="sorted"), indent=1) + b"\n"


def read_record(path: Path) -> Record:
    """Read one record. Raises KitError if the file is damaged, in a later format, or names files outside of its run."""
    try:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
    except OSError as error:
        raise KitError(f"record {path} cannot be read ({error.strerror})", "make it readable, or move it away") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise KitError(f"record {path} is damaged ({error})", "delete it, and the stage will run again") from error
    if record.format > FORMAT:
        raise KitError(f"record {path} has format {record.format}, this kit reads {FORMAT}", "use a newer kit")
    for name in (*record.inputs, *record.outputs):  # one who publishes or verifies a stranger's run reads and writes there
        if not _is_within(name):
            raise KitError(f"record {path} names {name!r}, outside of its run", "get the run from somebody you trust")
    return record


def _is_within(name: str) -> bool:
    """Whether a path, as it is written in a record, stays in the run's folder."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def plain(value: Struct) -> dict[str, object]:
    """A struct as it is when it is read from a record's or an answer's JSON."""
    return dict(msgspec.json.decode(msgspec.json.encode(value)))


def read_as(kind: type[T], found: Mapping[str, object], record: Record, way_out: str = "") -> T:
    """`found`, the values or settings of `record`, as the struct that its stage declares. Raises KitError if they don't
    fit."""
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        wrong = f"the {record.stage} record of {record.cell} cannot be read ({error})"
        raise KitError(wrong, way_out or "delete it, and the stage will run again") from error
