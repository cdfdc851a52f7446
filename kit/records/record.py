"""A record: what one stage did to one cell, as immutable JSON. Statistics are computed when it is read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kit.errors import KitError

FORMAT = 1


class Record(Struct, frozen=True, forbid_unknown_fields=True):
    """`inputs` and `outputs` map a file's path in the run (or `dataset`) to its SHA-256; `values` are raw, not summarized.

    `fingerprint` is over all that the stage reads: the stage's name and version, its settings and its inputs' hashes. A
    stage with an equal fingerprint and whole outputs is not run again.
    """

    format: int
    stage: str
    cell: str
    version: int
    settings: dict[str, Any]
    inputs: dict[str, str]
    outputs: dict[str, str]
    values: dict[str, Any]
    environment: dict[str, Any]
    started: str
    duration_s: float
    fingerprint: str


def fingerprint(stage: str, version: int, settings: dict[str, Any], inputs: dict[str, str]) -> str:
    """SHA-256 over the canonical JSON of what a stage reads."""
    read = {"format": FORMAT, "stage": stage, "version": version, "settings": settings, "inputs": inputs}
    return hashlib.sha256(msgspec.json.encode(read, order="sorted")).hexdigest()


def encode(record: Record) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record, order="sorted"), indent=1) + b"\n"


def read(path: Path) -> Record:
    """Read one record. Raises KitError where the file is damaged or of a later format."""
    try:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
    except msgspec.DecodeError as error:
        raise KitError(f"record {path} is damaged ({error})", "delete it, and the stage will run again") from error
    if record.format > FORMAT:
        raise KitError(f"record {path} has format {record.format}, this kit reads {FORMAT}", "use a newer kit")
    return record
