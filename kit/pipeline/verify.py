"""Recompute what a run's records say from what the run has stored."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

from kit.errors import KitError
from kit.pipeline import evaluate
from kit.records import record as records
from kit.records import store
from kit.records.record import Record
from kit.records.run import Run


def problems(run: Run) -> Iterator[str]:
    """One line for each thing that does not hold; none for a sound run. Raises KitError where the run has no records."""
    paths = sorted(run.folder.glob("*/s[0-9][0-9]/**/*.json"))
    if not paths:
        raise KitError(f"{run.folder} has no records", "make some with `kit reproduce`")
    for path in paths:
        try:
            record = records.read(path)
        except KitError as error:
            yield str(error)
            continue
        # A bench on a host lies beside the local one, with the host and the protocol in its name: bench.KEY.json.
        if path.parent != run.folder / record.cell or not path.name.startswith(f"{record.stage}."):
            yield f"{run.relative(path)} is the record of {record.stage} {record.cell}, not of where it lies"
        yield from (f"{record.stage} {record.cell}: {wrong}" for wrong in _wrong(run, record))


def _wrong(run: Run, record: Record) -> Iterator[str]:
    computed = records.fingerprint(record.stage, record.version, record.settings, record.inputs)
    if computed != record.fingerprint:
        yield "settings or inputs are not those that its fingerprint is over"
    broken = False
    for name, digest in {**record.inputs, **record.outputs}.items():
        if name.startswith("dataset:"):
            continue
        wrong = _file(run.folder / name, digest)
        broken |= bool(wrong)
        if wrong:
            yield f"{name} {wrong}"
    if not broken and record.stage == "evaluate":
        yield from _evaluation(run.folder / record.cell / evaluate.PREDICTIONS, record)
    if not broken and record.stage == "convert":
        yield from _sizes(run.folder / next(iter(record.outputs)), record)


def _file(path: Path, digest: str) -> str:
    if not path.is_file():
        return "is missing"
    return "" if store.sha256(path) == digest else "has another content than the record says"


def _evaluation(predictions: Path, record: Record) -> Iterator[str]:
    from safetensors.numpy import load_file

    tensors = load_file(predictions)
    for split in ("test", "train"):
        for key, value in evaluate.counts(tensors, split).items():
            stored = record.values[split][key]
            same = abs(value - stored) <= 1e-9 * abs(stored) if key == "loss_sum" else value == stored
            if not same:
                yield f"{split} {key} is {stored} in the record and {value} from the predictions"


def _sizes(model: Path, record: Record) -> Iterator[str]:
    content = model.read_bytes()
    sizes = {"size_bytes": len(content), "gzip_bytes": len(gzip.compress(content, compresslevel=9, mtime=0))}
    for key, value in sizes.items():
        if record.values[key] != value:
            yield f"{key} is {record.values[key]} in the record and {value} from the file"
