"""Measure files on one device: one series is one interpreter and delegate with one number of threads, over all files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec import UNSET, Struct

from kit.bench import validity
from kit.bench.journal import Journal, Measured
from kit.bench.progress import OnProgress, Progress
from kit.bench.protocol import Unit, schedule
from kit.bench.transport import ReadyDevice
from kit.bench.values import BenchSettings, BenchValues, Parity, Sample
from kit.errors import KitError
from kit.study.protocols import Protocol

_ATTEMPTS = 3
_LOOK_EVERY_S = 2.0


class Model(Struct, frozen=True):
    """A .tflite file that is on the device already, by its SHA-256."""

    name: str
    digest: str
    size_bytes: int


class BenchSeries(Struct, frozen=True):
    """What the numbers of one table have in common, on one device."""

    protocol: Protocol
    interpreter: str
    delegate: str
    threads: int
    clock_mhz: int = 0
    shapes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Used for files and on the terminal: `tflite-none-t1-paper`; with a pinned clock `tflite-none-t1-paper-1500mhz`."""
        pinned = f"-{self.clock_mhz}mhz" if self.clock_mhz else ""
        return f"{self.interpreter}-{self.delegate}-t{self.threads}-{self.protocol.name}{pinned}"

    def engine(self) -> list[str]:
        """The agent's options that choose what runs the model."""
        return [f"--interpreter={self.interpreter}", f"--delegate={self.delegate}", f"--threads={self.threads}"]

    def arguments(self, path: str) -> list[str]:
        """The agent's arguments to measure the file at `path`."""
        p = self.protocol
        return ["measure", path, *self.engine(), f"--warmup={p.warmup_inferences}", f"--warmup-seconds={p.warmup_seconds}",
                f"--inferences={p.inferences}", f"--seconds={p.seconds}",
                *(f"--shape={shape}" for shape in self.shapes)]  # fmt: skip

    def settings(self, where: str, parity_images: int) -> BenchSettings:
        p = self.protocol
        return BenchSettings(
            where=where,
            protocol=p.name,
            interpreter=self.interpreter,
            delegate=self.delegate,
            threads=self.threads,
            processes=p.processes,
            warmup_inferences=p.warmup_inferences,
            warmup_seconds=p.warmup_seconds,
            inferences=p.inferences,
            seconds=p.seconds,
            statistic=p.statistic,
            parity_images=parity_images,
            clock_mhz=self.clock_mhz or UNSET,
            shapes=self.shapes or UNSET,
        )


@dataclass(frozen=True)
class Measuring:
    """One series on the device called `where`; waits at most `cooling_s` for a hot one to cool."""

    where: str
    bench: ReadyDevice
    series: BenchSeries
    journal: Journal
    on_progress: OnProgress
    cooling_s: float = 120.0

    def report(self, name: str, state: str, done: int = 0) -> None:
        """Report the state of a cell; see `Progress`."""
        total = self.series.protocol.processes
        self.on_progress(Progress(self.where, self.series.name, name, state, done, total))

    def measure(self, models: Sequence[Model]) -> dict[str, str]:
        """Measure what is missing from the journal. Returns the models that cannot be measured, each with the reason."""
        by_name = {model.name: model for model in models}
        sentinel = min(models, key=lambda model: (model.size_bytes, model.name)).name
        failed: dict[str, str] = {}
        for name in by_name:
            if done := len(self.journal.of(name)):  # by a call that was stopped
                self.report(name, "fresh" if done == self.series.protocol.processes else "waiting", done)
        for unit in schedule(list(by_name), self.series.protocol.processes, sentinel):
            if unit.cell in failed or self.journal.has(unit):
                continue
            try:
                self._measure(unit, by_name[unit.cell])
            except _Refused as error:
                failed[unit.cell] = str(error)
                self.report(unit.cell, "failed")
        return failed

    def _measure(self, unit: Unit, model: Model) -> None:
        self.journal.add(self._attempted(unit, model))
        done = len(self.journal.of(unit.cell))
        self.report(unit.cell, "done" if done == self.series.protocol.processes else "waiting", done)

    def _attempted(self, unit: Unit, model: Model) -> Measured:
        """One process, repeated while it is invalid. The last attempt counts, with the reasons if it is invalid."""
        path, cooled_s, done = self.bench.files[model.digest], 0.0, len(self.journal.of(unit.cell))
        for attempt in range(1, _ATTEMPTS + 1):
            cooled_s += self._cool(unit.cell, done)
            self.report(unit.cell, "running" if attempt == 1 else "again", done)
            answer = self.bench.monitor.ask(self.series.arguments(path))
            if answer.code:
                raise _Refused(answer.reason(path, model.name))
            reasons = tuple(validity.invalid_reasons(answer.readings))
            if not reasons:
                break
        sample = _sample(answer.out)
        return Measured(
            model.name, model.digest, unit, sample, answer.readings, reasons, attempt, round(cooled_s, 1)
        )  # fmt: skip

    def _cool(self, cell: str, done: int) -> float:
        """Wait until the device is cool, at most `cooling_s`. Returns how many seconds that took."""
        begin = time.monotonic()
        while validity.is_hot(self.bench.monitor.read()) and time.monotonic() - begin < self.cooling_s:
            self.report(cell, "cooling", done)
            time.sleep(min(_LOOK_EVERY_S, self.cooling_s))
        return time.monotonic() - begin

    def values(self, cell: str, parity: Parity | None) -> BenchValues:
        """The raw values of one cell for its record: samples, readings, validity and warnings, and its parity."""
        entries, sentinels, bench = self.journal.of(cell), self.journal.sentinels(), self.bench
        reasons = sorted({reason for entry in entries for reason in entry.invalid_reasons})
        samples = tuple(entry.sample for entry in entries)
        measured = validity.MeasuredCell(
            samples,
            [entry.readings.before for entry in entries],
            [sentinel.median_ns for sentinel in sentinels],
            self.series.protocol,
            self.series.delegate,
            self.series.threads,
            bench.device.model,
        )
        return BenchValues(
            origin=bench.origin,
            device=bench.device,
            samples=samples,
            readings=tuple(entry.readings for entry in entries),
            attempts=tuple(entry.attempts for entry in entries),
            cooled_s=tuple(entry.cooled_s for entry in entries),
            sentinel=tuple(sentinels),
            validity="invalid" if reasons else "valid",
            invalid_reasons=tuple(reasons),
            warnings=tuple(validity.warnings(measured)),
            governor=bench.governor,
            image=bench.shipped.image_id if bench.shipped else "",
            parity=parity,
        )


def _sample(out: str) -> Sample:
    """What the agent measured. Raises _Refused if that cannot be a measurement."""
    try:
        sample = msgspec.json.decode(out, type=Sample)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _Refused(f'the agent\'s answer cannot be read ({error}): "{" ".join(out[:100].split())}"') from error
    if not sample.latency_ns or min(sample.latency_ns) <= 0 or not 0 <= sample.base_rss_bytes <= sample.peak_rss_bytes:
        raise _Refused("the agent's answer has impossible times or memory")
    return sample


class _Refused(KitError):  # noqa: N818
    """The agent cannot run this model."""
