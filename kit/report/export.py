"""A report for other programs: `results.csv`, `results.json` with its schema, and each run as an RO-Crate."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kit import __version__
from kit.records.run import Run
from kit.report import crate
from kit.report.rows import Row
from kit.report.study import OneRun, OverSeeds, Study
from kit.report.verdict import Message
from kit.study.claims import Claim, claims
from kit.study.published import Published, published

FORMAT = 1
_DIGITS = 10  # more would differ from one processor's mathematics to the next


class Results(Struct, frozen=True):
    """`results.json`: what the study says, and how it came out on each run. Messages are written out in English."""

    format: int
    kit: str
    published: Published
    claims: tuple[Claim, ...]
    runs: tuple[OneRun, ...]
    seeds: tuple[OverSeeds, ...]


def files(runs: Sequence[Run], study: Study, folder: Path) -> dict[Path, bytes]:
    """All exports by where they belong: in `folder`, and the metadata of each run in the run's own folder."""
    found = {
        folder / "results.csv": table(study),
        folder / "results.json": results(study),
        folder / "results.schema.json": schema(),
    }
    return found | {run.folder / crate.METADATA: crate.metadata(run) for run in runs}


def table(study: Study) -> bytes:
    """One line a cell; the columns are the fields of `rows.Row`."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, Row.__struct_fields__, lineterminator="\n")
    writer.writeheader()
    for run in study.runs:
        writer.writerows(_plain(row) for row in run.cells)
    return stream.getvalue().encode()


def results(study: Study) -> bytes:
    content = Results(FORMAT, __version__, published(), claims(), study.runs, study.seeds)
    return _json(_plain(content))


def schema() -> bytes:
    """The JSON Schema (2020-12) of `results.json`, from the types that it is made of."""
    found = msgspec.json.schema(Results)
    found["$defs"]["Message"] = {"title": "Message", "type": "string", "description": "An English sentence."}
    return _json({"$schema": "https://json-schema.org/draft/2020-12/schema", **found})


def _json(content: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"


def _plain(value: Any) -> Any:
    """Built-in types only: a message as English, a number with as many digits as are the same everywhere."""
    if isinstance(value, Message):
        return str(value)
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {key: _plain(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(own) for own in value]
    return value
