"""Run a request on one or more devices in parallel, each resumed where it stopped; measurements become records."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from kit.bench import parity, ship
from kit.bench.journal import Compared, Journal
from kit.bench.measure import BenchSeries, Measuring, Model
from kit.bench.parity import Images, ParityError
from kit.bench.progress import OnProgress, Progress
from kit.bench.request import BenchRequest, Recorder, Target
from kit.bench.transport import LOCAL, ReadyDevice, Transport
from kit.bench.values import BenchSettings, BenchValues, Parity
from kit.errors import KitError
from kit.runs import predictions
from kit.runs.artifacts import PREDICTIONS


@dataclass(frozen=True)
class TargetResult:
    """One target on one device in one series. `record` is the path of its record in the run, if there is one; `fresh`: it
    was recorded before."""

    where: str
    series: BenchSeries
    target: Target
    settings: BenchSettings
    values: BenchValues
    record: str = ""
    fresh: bool = False


@dataclass
class DeviceOutcome:
    """The result of one device: its measurements, which series and targets failed and why, and why the device itself was
    given up."""

    where: str
    measured: list[TargetResult] = field(default_factory=list)
    failed: dict[tuple[str, str], str] = field(default_factory=dict)
    lost: KitError | None = None
    shipped: ship.Shipped | None = None


def bench(request: BenchRequest, transports: Sequence[Transport], on_progress: OnProgress) -> list[DeviceOutcome]:
    """Measure on all devices in parallel. A device that fails does not stop the others."""
    each = [_Device(request, transport, on_progress) for transport in transports]
    with ThreadPoolExecutor(len(each)) as pool:
        try:
            return list(pool.map(_Device.outcome_or_reason, each))
        except BaseException:  # Ctrl-C: the threads don't see it
            for device in each:
                device.stop()
            raise


class _Device:
    """The request on one device."""

    def __init__(self, request: BenchRequest, transport: Transport, on_progress: OnProgress) -> None:
        self.request, self.transport, self._on_progress = request, transport, on_progress
        self.recorder = Recorder(request, transport)
        self.outcome = DeviceOutcome(transport.where)
        self._stopped = False
        self._bench: ReadyDevice | None = None

    def stop(self) -> None:
        """Stop at the next message, without waiting for a running measurement. The device is left as it was found."""
        self._stopped = True
        if self._bench:
            self._bench.monitor.abort()

    def on_progress(self, progress: Progress) -> None:
        if self._stopped:
            raise KitError("stopped", "the same command resumes")
        self._on_progress(progress)

    def outcome_or_reason(self) -> DeviceOutcome:
        try:
            self._set_aside()
            stale = [series for series in self.request.series() if not self._take_fresh(series)]
            if stale and self.request.targets:
                self._measure(stale)
        except KitError as error:
            self.outcome.lost = error
        except Exception as error:  # one device's failure must not stop the others
            wrong = f"{self.transport.where}: {type(error).__name__}: {error}"
            self.outcome.lost = KitError(wrong, "the same command resumes; report it if it happens again")
        return self.outcome

    def _set_aside(self) -> None:
        """Files that cannot be read fail; the others are measured."""
        readable = []
        for target in self.request.targets:
            try:
                if target.path.exists():
                    self.recorder.digest(target)
                readable.append(target)
            except KitError as error:
                self.outcome.failed |= {(series.name, target.name): str(error) for series in self.request.series()}
        self.request = replace(self.request, targets=readable)

    def _take_fresh(self, series: BenchSeries) -> bool:
        """Whether a whole series is recorded already; recorded values are added to the outcome."""
        found = [(target, self.recorder.fresh(series, target)) for target in self.request.targets]
        for target, values in found:
            if values:
                self._add(self.recorder, series, target, values, fresh=True)
                self.on_progress(Progress(self.transport.where, series.name, target.name, "fresh"))
        return all(values for _, values in found)

    def _add(self, recorder: Recorder, series: BenchSeries, target: Target, values: BenchValues, fresh: bool) -> None:
        path, run = recorder.path(series, target), self.request.run
        record = run.relative(path) if run and path else ""
        settings = recorder.settings(series)
        self.outcome.measured.append(TargetResult(self.transport.where, series, target, settings, values, record, fresh))

    def _measure(self, stale: Sequence[BenchSeries]) -> None:
        with ExitStack() as stack:
            images = self._images(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kit-"))))
            there = [target for target in self.request.targets if target.path.is_file()]
            files = {self.recorder.digest(target): target.path for target in there}
            if images:
                files[images.digest] = images.path
            self._bench = stack.enter_context(self.transport.open(files, self.on_progress, self.request.clock_mhz))
            self.outcome.shipped = self._bench.shipped
            for series in stale:
                self._series(self._bench, series, images)

    def _images(self, folder: Path) -> Images | None:
        run, count = self.request.run, self.request.parity_images
        if run is None or not count:
            return None
        evaluated = any(t.cell and predictions.place(run.path(t.cell, PREDICTIONS)).is_file() for t in self.request.targets)
        return parity.images(run, self.request.data, count, folder) if evaluated else None

    def _series(self, bench: ReadyDevice, series: BenchSeries, images: Images | None) -> None:
        done = {m.target.name for m in self.outcome.measured if m.series == series}
        left = [target for target in self.request.targets if target.name not in done and target.path.is_file()]
        gone = [target for target in self.request.targets if target.name not in done and not target.path.is_file()]
        self.outcome.failed |= {(series.name, target.name): self.request.absence(target) for target in gone}
        if not left:
            return
        began, recorder = time.time(), self.recorder
        digests = {target.name: recorder.digest(target) for target in left}
        image = bench.shipped.image_id if bench.shipped else ""
        fingerprint = recorder.journal_fingerprint(series, bench.device, image)
        journal = Journal(recorder.journal_path(series), fingerprint, digests)
        measuring = Measuring(self.transport.where, bench, series, journal, self.on_progress, self._cooling_s(bench))
        failed = measuring.measure([Model(t.name, digests[t.name], t.path.stat().st_size) for t in left])
        self.outcome.failed |= {(series.name, name): reason for name, reason in failed.items()}
        measured = [target for target in left if target.name not in failed]
        compared: dict[str, Parity | None] = {}
        for target in measured:
            try:
                compared[target.name] = self._parity(measuring, target, images)
            except ParityError as error:
                self.outcome.failed[series.name, target.name] = str(error)
                measuring.report(target.name, "failed")
        uncompared = replace(recorder, request=replace(self.request, parity_images=0))
        for target in measured:
            values = measuring.values(target.name, compared.get(target.name))
            own = recorder if target.name in compared else uncompared
            self._add(own, series, target, values, fresh=False)
            own.write(series, target, values, began)
        journal.end([target.name for target in measured])

    def _cooling_s(self, bench: ReadyDevice) -> float:
        """A PC's temperature does not predict throttling, and it may never get as cool as a device has to be."""
        return 0.0 if bench.origin == LOCAL else self.request.cooling_s

    def _parity(self, measuring: Measuring, target: Target, images: Images | None) -> Parity | None:
        """How the target's predictions there compare with those here; None without images or predictions."""
        run, cell, journal = self.request.run, target.cell, measuring.journal
        if images is None or run is None or cell is None:
            return None
        n = len(images.labels)
        here = parity.predicted(run, cell, n)
        if here is not None and journal.parity(target.name, n) is None:
            digest = self.recorder.digest(target)
            measuring.report(target.name, "parity")
            found = parity.there(measuring.bench, measuring.series, digest, run, cell, images)
            journal.add(Compared(target.name, digest, parity.compare(found, here, images)))
            measuring.report(target.name, "done")
        return journal.parity(target.name, n)
