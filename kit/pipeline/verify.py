"""Recompute what a run's records say from what the run has stored."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

from kit.errors import KitError
from kit.pipeline import evaluate
from kit.records import excerpt, store
from kit.records import record as records
from kit.records.record import Record
from kit.records.run import Run


def problems(run: Run) -> Iterator[str]:
    """One line for each thing that does not hold; none for a sound run. Raises KitError where the run has no records."""
    paths = run.record_paths()
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
        try:
            wrongs = list(_wrong(run, record))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            wrongs = [f"its values are not those of such a record ({type(error).__name__}: {error})"]
        yield from (f"{record.stage} {record.cell}: {wrong}" for wrong in wrongs)


def _wrong(run: Run, record: Record) -> Iterator[str]:
    computed = records.fingerprint(record.stage, record.version, record.settings, record.inputs)
    if computed != record.fingerprint:
        yield "settings or inputs are not those that its fingerprint is over"
    known = excerpt.left_out(run)
    contents: dict[str, bytes] = {}
    for name, digest in {**record.inputs, **record.outputs}.items():
        if name.startswith("dataset:"):
            continue
        content = store.read(run.folder / name)
        if content is None and known.get(name) == digest:
            continue
        if content is None:
            yield f"{name} is missing"
        elif store.digest(content) != digest:
            yield f"{name} has another content than the record says"
        else:
            contents[name] = content
    if record.stage == "evaluate" and (predictions := contents.get(f"{record.cell}/{evaluate.PREDICTIONS}")):
        yield from _evaluation(predictions, record)
    if record.stage == "convert" and (model := contents.get(next(iter(record.outputs), ""))):
        yield from _sizes(model, record)


def _evaluation(predictions: bytes, record: Record) -> Iterator[str]:
    from safetensors.numpy import load

    tensors = load(predictions)
    for split in ("test", "train"):
        for key, value in evaluate.counts(tensors, split).items():
            stored = record.values[split][key]
            same = abs(value - stored) <= 1e-9 * abs(stored) if key == "loss_sum" else value == stored
            if not same:
                yield f"{split} {key} is {stored} in the record and {value} from the predictions"


def _sizes(content: bytes, record: Record) -> Iterator[str]:
    sizes = {"size_bytes": len(content), "gzip_bytes": len(gzip.compress(content, compresslevel=9, mtime=0))}
    for key, value in sizes.items():
        if record.values[key] != value:
            yield f"{key} is {record.values[key]} in the record and {value} from the file"
