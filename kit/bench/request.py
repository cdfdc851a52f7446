"""What to measure and how, and the records that result."""

from __future__ import annotations

import datetime
import itertools
import platform
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from kit import store
from kit.bench.measure import BenchSeries
from kit.bench.transport import Transport
from kit.bench.values import BenchSettings, BenchValues, Device
from kit.console import counted
from kit.datasets import prepare
from kit.errors import KitError
from kit.runs import bundle, environment, predictions
from kit.runs.artifacts import MODEL, PREDICTIONS
from kit.runs.record import FORMAT, Record, encode_record, fingerprint_of, is_whole, plain, read_record
from kit.runs.run import Run
from kit.runs.stage import State
from kit.study import protocols
from kit.study.grid import Cell
from kit.study.protocols import Protocol

STAGE = "bench"
VERSION = 3


@dataclass(frozen=True)
class Target:
    """A .tflite file to measure; one of a run has its cell."""

    name: str
    path: Path
    cell: Cell | None = None


@dataclass(frozen=True)
class BenchRequest:
    """What to measure, and how: each interpreter with each delegate and number of threads is a series of its own.

    Without a `run` nothing is recorded: the files were given by name. Waits at most `cooling_s` for a hot device to cool.
    `clock_mhz` is what a host's clock is pinned to meanwhile; 0: as it is. `shapes` are sizes of inputs that a file leaves
    open, as they were typed: `1,224,224,3` or `NAME=1,224,224,3`.
    """

    targets: Sequence[Target]
    protocol: Protocol
    folder: Path
    interpreters: tuple[str, ...] = ("litert",)
    delegates: tuple[str, ...] = ()
    threads: tuple[int, ...] = (1,)
    run: Run | None = None
    data: Path = Path("data")
    parity_images: int = 0
    cooling_s: float = 120.0
    clock_mhz: int = 0
    shapes: tuple[str, ...] = ()

    def series(self) -> list[BenchSeries]:
        """Every way in which each target is measured; without delegates named, those of the protocol."""
        each = itertools.product(self.interpreters, self.delegates or self.protocol.delegates, self.threads)
        return [BenchSeries(self.protocol, *one, self.clock_mhz, self.shapes) for one in dict.fromkeys(each)]

    def comparable(self) -> BenchRequest:
        """The request, without predictions to compare if the images for it are missing."""
        has_images = self.run is not None and prepare.is_prepared(self.data, self.run.preset.dataset)
        return self if has_images else replace(self, parity_images=0)

    def absence(self, target: Target) -> str:
        """What a target without a file lacks, and what brings it."""
        if self.run and bundle.left_out(self.run):
            return f"{self.run.folder} is a bundle without this file: `{self.run.made_by}` makes the whole run again"
        return f"no file at {target.path}"


def targets(run: Run, cells: Sequence[Cell]) -> list[Target]:
    """The cells that have a .tflite file. Raises KitError if none has."""
    found = [Target(cell.name, run.path(cell, MODEL), cell) for cell in cells if run.path(cell, MODEL).is_file()]
    if not found:
        there = [cell.name for cell in run.preset.cells() if store.is_there(run.path(cell, MODEL))]
        if not there and bundle.left_out(run):
            raise KitError(f"{run.folder} is a bundle without .tflite files", f"`{run.made_by}` makes the whole run again")
        remedy = f"it has {', '.join(there)}" if there else f"`{run.command}` makes some"
        raise KitError(f"{run.folder} has no .tflite files of these cells", remedy)
    return found


def of_preset(run: Run, cells: Iterable[Cell]) -> BenchRequest:
    """What `kit reproduce` measures: the cells that are converted, on this machine, by the preset's protocol."""
    found = [Target(cell.name, run.path(cell, MODEL), cell) for cell in cells]
    return BenchRequest(found, protocols.get(run.preset.bench.protocol), run.folder, run=run)


@dataclass(frozen=True)
class Recorder:
    """The records of a request on one device: their settings, inputs, fingerprints and files."""

    request: BenchRequest
    transport: Transport
    digests: dict[str, str] = field(default_factory=dict)

    def digest(self, target: Target) -> str:
        """SHA-256 of the target's file, also where a bundle has it packed; empty if there is none."""
        if target.name not in self.digests:
            run = self.request.run
            try:
                known = bundle.digest(run, run.relative(target.path)) if run and target.cell else store.sha256(target.path)
            except OSError as error:
                raise KitError(f"{target.path} cannot be read ({error.strerror})", "make it readable") from error
            self.digests[target.name] = known or ""
        return self.digests[target.name]

    def fresh(self, series: BenchSeries, target: Target) -> BenchValues | None:
        """The recorded values, if they are of exactly what would be measured now, where it would be, and valid. Predictions
        that were compared as well are no objection."""
        values = self._recorded(series, target)
        if values is None or values.validity == "invalid":  # the device may be cooler by now
            return None
        return None if self._is_elsewhere(target, values) else values

    def elsewhere(self, series: BenchSeries, target: Target) -> str:
        """The machine whose record is replaced, since another one is to be measured now; empty if none is."""
        values = self._recorded(series, target)
        return values.device.model if values and self._is_elsewhere(target, values) else ""

    def _is_elsewhere(self, target: Target, values: BenchValues) -> bool:
        """Of a model that is packed in a bundle, nothing else can be measured there."""
        return self.transport.model not in ("", values.device.model) and target.path.is_file()

    def _recorded(self, series: BenchSeries, target: Target) -> BenchValues | None:
        path = self.path(series, target)
        if path is None or not path.is_file() or not self.digest(target):
            return None
        try:
            record = read_record(path)
            values = msgspec.convert(record.values, BenchValues)
        except (KitError, msgspec.ValidationError):
            return None  # damaged: measure again
        return values if self._is_of(record, series, target) else None

    def _is_of(self, record: Record, series: BenchSeries, target: Target) -> bool:
        wanted = self.fingerprint(series, target)
        if record.fingerprint == wanted or self.request.parity_images or not is_whole(record):
            return record.fingerprint == wanted
        settings = {**record.settings, "parity_images": 0}
        inputs = {name: digest for name, digest in record.inputs.items() if name in self._inputs(target)}
        return fingerprint_of(STAGE, record.version, settings, inputs, record.format) == wanted

    def write(self, series: BenchSeries, target: Target, values: BenchValues, began: float) -> None:
        """Keep the values as a record, if the target is a run's; `began` is when its series did, by `time.time`."""
        path, run = self.path(series, target), self.request.run
        if path is None or run is None or target.cell is None:
            return
        record = Record(
            format=FORMAT,
            stage=STAGE,
            cell=target.cell.name,
            version=VERSION,
            settings=plain(self.settings(series)),
            inputs=self._inputs(target),
            outputs={},
            values=plain(values),
            environment=environment.environment(run.folder.parent),
            started=datetime.datetime.fromtimestamp(began, datetime.UTC).isoformat(timespec="seconds"),
            duration_s=max(0.0, round(time.time() - began, 3)),
            fingerprint=self.fingerprint(series, target),
        )
        store.write(path, encode_record(record))

    def settings(self, series: BenchSeries) -> BenchSettings:
        return series.settings(self.transport.key, self.request.parity_images)

    def fingerprint(self, series: BenchSeries, target: Target) -> str:
        return fingerprint_of(STAGE, VERSION, plain(self.settings(series)), self._inputs(target))

    def _inputs(self, target: Target) -> dict[str, str]:
        run = self.request.run
        if run is None or target.cell is None:
            return {target.name: self.digest(target)}
        inputs = {run.relative(target.path): self.digest(target)}
        predicted = predictions.place(run.path(target.cell, PREDICTIONS))
        if self.request.parity_images and predicted.is_file():
            inputs[run.relative(predicted)] = store.sha256(predicted)
            inputs |= prepare.digests(run.preset.data)
        return inputs

    def path(self, series: BenchSeries, target: Target) -> Path | None:
        """The path of the record: next to the model, with the device and the series in its name."""
        run = self.request.run
        return run.path(target.cell, f"{STAGE}.{self._key(series)}.json") if run and target.cell else None

    def journal_path(self, series: BenchSeries) -> Path:
        return self.request.folder / ".bench" / f"{self._key(series)}.jsonl"

    def journal_fingerprint(self, series: BenchSeries, device: Device, image: str = "") -> str:
        """Journal entries are reused only if they were measured in the same way on the same device, with the same versions
        (`image` has a host's), whatever is compared afterwards."""
        settings = plain(series.settings(self.transport.key, parity_images=0))
        versions = image or [platform.python_version(), environment.packages()]
        return fingerprint_of("journal", VERSION, {**settings, "device": plain(device), "versions": versions}, {})

    def _key(self, series: BenchSeries) -> str:
        return f"{self.transport.key}-{series.name}"


def replaced(request: BenchRequest, transport: Transport) -> list[str]:
    """A line for each other machine whose records will be replaced by this one's."""
    recorder, models = Recorder(request, transport), Counter[str]()
    for series, target in itertools.product(request.series(), request.targets):
        with suppress(KitError):  # a file that cannot be read is said when it is measured
            models[recorder.elsewhere(series, target)] += 1
    records = {model: counted(count, "record is", "records are") for model, count in models.items() if model}
    return [f"{text} of {model}, not of this machine, and measured again" for model, text in records.items()]


def state(run: Run, cell: Cell, transport: Transport) -> State:
    """Whether all that `kit reproduce` would measure of a cell is recorded; `older`: by an earlier kit, of the same file."""
    request = of_preset(run, [cell])
    recorder = Recorder(request, transport)
    try:
        if all(recorder.fresh(series, target) for series in request.series() for target in request.targets):
            return State.fresh
        found = [read_record(path) for path in run.bench_paths(cell)]
    except (KitError, msgspec.ValidationError):
        return State.missing
    digest = recorder.digest(request.targets[0])
    if any(record.version < VERSION and digest in record.inputs.values() for record in found):
        return State.older
    paths = [recorder.path(series, target) for series in request.series() for target in request.targets]
    return State.stale if any(path and path.is_file() for path in paths) else State.missing
