"""A report for other programs: `results.csv`, `results.json` with its schema, and each run as an RO-Crate."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from kit import __version__
from kit.analysis.digits import known
from kit.analysis.schema import Row
from kit.analysis.summary import OneRun, Study, Trainings
from kit.analysis.trainings import OverSeeds
from kit.analysis.verdicts import Message
from kit.report.export import crate
from kit.runs.run import Run
from kit.study.claims import Claim, claims
from kit.study.published import Published, published

FORMAT = 1


class Results(Struct, frozen=True):
    """`results.json`: what the study says, and how it came out on each run. Messages are written out in English."""

    format: int
    kit: str
    published: Published
    claims: tuple[Claim, ...]
    runs: tuple[OneRun, ...]
    seeds: tuple[OverSeeds, ...]
    trainings: tuple[Trainings, ...]


def files(runs: Sequence[Run], study: Study, folder: Path) -> dict[Path, bytes]:
    """All exports by path: in `folder`, and the metadata of each run in the run's own folder."""
    found = {
        folder / "results.csv": table(study),
        folder / "results.json": results(study),
        folder / "results.schema.json": schema(),
    }
    return found | {run.folder / crate.METADATA: crate.metadata(run) for run in runs}


def table(study: Study) -> bytes:
    """One line per cell; the columns are the fields of `schema.Row`."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(Row.__struct_fields__)
    for run in study.runs:
        writer.writerows([known(getattr(row, name)) for name in Row.__struct_fields__] for row in run.cells)
    return stream.getvalue().encode()


def results(study: Study) -> bytes:
    content = Results(FORMAT, __version__, published(), claims(), study.runs, study.seeds, study.trainings)
    return _json(_plain(content))


def schema() -> bytes:
    """The JSON Schema (2020-12) of `results.json`, from the types that it is made of."""
    found = msgspec.json.schema(Results, schema_hook=lambda kind: {"type": "object"})  # only in Message, see next
    found["$defs"]["Message"] = {"title": "Message", "type": "string", "description": "An English sentence."}
    return _json({"$schema": "https://json-schema.org/draft/2020-12/schema", **found})


def _json(content: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"


def _plain(value: object) -> object:
    """Built-in types only: a message as English, a number with the digits that are known."""
    if isinstance(value, Message):
        return str(value)
    if isinstance(value, Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {key: _plain(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(own) for own in value]
    return known(value)
