"""Bench on hosts: several side by side, each resumed where it stopped; what is done becomes a record of the run."""

from __future__ import annotations

import datetime
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kit.device import journal, measure, parity, preflight, session, ship
from kit.device.measure import Model, Series
from kit.device.parity import Images
from kit.device.preflight import Facts
from kit.device.protocol import Protocol
from kit.device.ssh import Address, Link
from kit.errors import KitError
from kit.pipeline import dataset
from kit.pipeline.convert import MODEL
from kit.pipeline.evaluate import PREDICTIONS
from kit.records import excerpt, provenance, store
from kit.records import record as records
from kit.records.record import Record
from kit.records.run import Run
from kit.study.cells import Cell
from kit.study.datasets import dataset as known_dataset

VERSION = 2

Told = Callable[[str, str, str, str, int, int], object]
"""Told the host, the series, the cell, what happens, and how many processes are done of how many."""


@dataclass(frozen=True)
class Target:
    """A .tflite file to measure; one of a run has its cell."""

    name: str
    path: Path
    cell: Cell | None = None


@dataclass(frozen=True)
class Order:
    """What to measure, and how. Without a `run` nothing is recorded: the files were given by name."""

    targets: list[Target]
    protocol: Protocol
    interpreters: tuple[str, ...]
    threads: tuple[int, ...]
    folder: Path
    run: Run | None = None
    data: Path = Path("data")
    parity_images: int = 0
    cooling_s: float = 120.0
    tag: str = "kit-pi:arm64"

    def series(self) -> list[Series]:
        return [Series(self.protocol, i, t, self.cooling_s) for i in self.interpreters for t in self.threads]


@dataclass
class Measured:
    """One target on one host in one series. `values` are those of its record."""

    host: str
    series: str
    name: str
    values: dict[str, Any]
    fresh: bool = False


@dataclass
class Outcome:
    """What came of one host: its measurements, those that failed by name, and why the host itself was given up."""

    host: str
    measured: list[Measured] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    lost: KitError | None = None
    shipped: ship.Shipped | None = None


def targets(run: Run, cells: Sequence[Cell]) -> list[Target]:
    """The cells that have a .tflite file. Raises KitError where none has."""
    found = [Target(cell.name, run.path(cell, MODEL), cell) for cell in cells if run.path(cell, MODEL).is_file()]
    if not found:
        packed = bool(excerpt.left_out(run))
        mend = "`kit bench` with its name alone measures those that it has" if packed else f"kit compress {run.folder}"
        raise KitError(f"{run.folder} has no .tflite files of these cells", mend)
    return found


def bench(order: Order, addresses: Sequence[Address], told: Told) -> list[Outcome]:
    """Measure on all hosts, side by side. What one host lacks does not stop the others."""
    benches = [_Bench(order, address, told) for address in addresses]
    with ThreadPoolExecutor(len(benches)) as pool:
        try:
            return list(pool.map(_Bench.outcome_or_reason, benches))
        except BaseException:  # Ctrl-C: the threads don't see it
            for bench_ in benches:
                bench_.stop()
            raise


class _Bench:
    """The bench of one host."""

    def __init__(self, order: Order, address: Address, told: Told) -> None:
        self.order, self.address, self._told = order, address, told
        self._stopped = False
        self._measuring: session.Session | None = None
        self.outcome = Outcome(address.host)
        self.digests = {target.name: store.sha256(target.path) for target in order.targets}

    def stop(self) -> None:
        """End at the next word, and don't wait for a running measurement. The host is left as it was found."""
        self._stopped = True
        if self._measuring:
            self._measuring.abort()

    def told(self, host: str, series: str, cell: str, what: str, done: int, total: int) -> None:
        if self._stopped:
            raise KitError("stopped", "the same command goes on from here")
        self._told(host, series, cell, what, done, total)

    def outcome_or_reason(self) -> Outcome:
        try:
            stale = [series for series in self.order.series() if not self._take_fresh(series)]
            if stale:
                self._measure(stale)
        except KitError as error:
            self.outcome.lost = error
        except Exception as error:  # what one host answers must not stop the others
            wrong = f"{self.address.host}: {type(error).__name__}: {error}"
            self.outcome.lost = KitError(wrong, "the same command goes on from here; report it if it comes again")
        return self.outcome

    def _take_fresh(self, series: Series) -> bool:
        """Whether all of a series is recorded already; what is recorded goes into the outcome."""
        found = [self._recorded(series, target) for target in self.order.targets]
        return all(found)

    def _recorded(self, series: Series, target: Target) -> bool:
        run, cell = self.order.run, target.cell
        if run is None or cell is None:
            return False
        path = self._record_path(run, series, cell)
        record = records.read(path) if path.is_file() else None
        if record is None or record.fingerprint != self._fingerprint(series, target):
            return False
        if record.values["validity"]["state"] != "VALID":
            return False  # the device may be cooler by now
        self.outcome.measured.append(Measured(self.address.host, series.name, target.name, record.values, fresh=True))
        self.told(self.address.host, series.name, target.name, "fresh", 0, 0)
        return True

    def _measure(self, stale: Sequence[Series]) -> None:
        order = self.order
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kit-")))
            chosen = self._images(folder)
            link = stack.enter_context(Link(self.address))
            facts = preflight.facts(link)
            session.await_quiet(link)
            files = {self.digests[target.name]: target.path for target in order.targets}
            if chosen:
                files[chosen.digest] = chosen.path
            self.outcome.shipped = ship.ship(link, files, self._sending, order.tag)
            governor = stack.enter_context(session.Governor(link, order.tag))
            measuring = stack.enter_context(session.Session(link, order.tag, facts.emulated))
            self._measuring = measuring
            for series in stale:
                self._series(measuring, series, facts, governor.found, chosen)

    def _sending(self, what: str, done: int, total: int, rate: float) -> None:
        self.told(self.address.host, "", what, f"{rate / 1e6:.1f} MB/s", done, total)

    def _images(self, folder: Path) -> Images | None:
        order = self.order
        evaluated = order.run and any(t.cell and order.run.path(t.cell, PREDICTIONS).is_file() for t in order.targets)
        if not (order.run and order.parity_images and evaluated):
            return None
        return parity.images(order.run, order.data, order.parity_images, folder)

    def _series(
        self, measuring: session.Session, series: Series, facts: Facts, governor: dict[str, Any], chosen: Images | None
    ) -> None:
        done = {m.name for m in self.outcome.measured if m.series == series.name}
        left = [target for target in self.order.targets if target.name not in done]
        kept = journal.Journal(self._journal_path(series), self._series_fingerprint(series), self.digests)
        started, clock = datetime.datetime.now(datetime.UTC), time.monotonic()
        models = [Model(target.name, self.digests[target.name], target.path.stat().st_size) for target in left]
        told = lambda name, what, n, total: self.told(self.address.host, series.name, name, what, n, total)  # noqa: E731
        failed = measure.measure(measuring, models, series, kept, told)
        self.outcome.failed |= {f"{self.address.host} {series.name} {name}": reason for name, reason in failed.items()}
        for target in left:
            if target.name not in failed:
                self._parity(measuring, series, target, kept, chosen)
        for target in left:
            if target.name not in failed:
                values = {"origin": facts.origin, "device": facts.described(), "governor": governor,
                          "image": self.outcome.shipped.image_id if self.outcome.shipped else "",
                          "parity": kept.parity(target.name), **measure.values(target.name, kept, series)}  # fmt: skip
                self._record(series, target, values, started, time.monotonic() - clock)
        kept.end()

    def _parity(
        self, measuring: session.Session, series: Series, target: Target, kept: journal.Journal, chosen: Images | None
    ) -> None:
        if chosen is None or target.cell is None or self.order.run is None or kept.parity(target.name):
            return
        here = parity.predicted(self.order.run, target.cell, len(chosen.labels))
        if here is not None:
            self.told(self.address.host, series.name, target.name, "parity", 0, 0)
            digest = self.digests[target.name]
            found = parity.compare(measuring, digest, target.cell, chosen, here, series.interpreter, series.threads)
            kept.add({"cell": target.name, "digest": digest, "parity": found})
            self.told(self.address.host, series.name, target.name, "done", 0, 0)

    def _record(
        self, series: Series, target: Target, values: dict[str, Any], started: datetime.datetime, duration_s: float
    ) -> None:
        self.outcome.measured.append(Measured(self.address.host, series.name, target.name, values))
        run, cell = self.order.run, target.cell
        if run is None or cell is None:
            return
        settings, inputs = self._settings(series), self._inputs(target)
        record = Record(
            format=records.FORMAT,
            stage="bench",
            cell=cell.name,
            version=VERSION,
            settings=settings,
            inputs=inputs,
            outputs={},
            values=values,
            environment=provenance.environment(),
            started=started.isoformat(timespec="seconds"),
            duration_s=round(duration_s, 3),
            fingerprint=records.fingerprint("bench", VERSION, settings, inputs),
        )
        store.write(self._record_path(run, series, cell), records.encode(record))

    def _settings(self, series: Series) -> dict[str, Any]:
        p = series.protocol
        return {"device": self.address.key, "protocol": p.name, "interpreter": series.interpreter, "threads": series.threads,
                "processes": p.processes, "warmup_inferences": p.warmup_inferences, "inferences": p.inferences,
                "seconds": p.seconds, "parity_images": self.order.parity_images}  # fmt: skip

    def _inputs(self, target: Target) -> dict[str, str]:
        run = self.order.run
        if run is None or target.cell is None:
            return {target.name: self.digests[target.name]}
        inputs = {run.relative(target.path): self.digests[target.name]}
        predictions = run.path(target.cell, PREDICTIONS)
        if self.order.parity_images and predictions.is_file():
            inputs[run.relative(predictions)] = store.sha256(predictions)
            inputs |= dataset.digests(known_dataset(run.preset.dataset))
        return inputs

    def _fingerprint(self, series: Series, target: Target) -> str:
        return records.fingerprint("bench", VERSION, self._settings(series), self._inputs(target))

    def _series_fingerprint(self, series: Series) -> str:
        """Of a journal: its entries are only gone on with where they were measured the same way."""
        return records.fingerprint("journal", VERSION, self._settings(series), {})

    def _key(self, series: Series) -> str:
        return f"{self.address.key}-{series.name}"

    def _record_path(self, run: Run, series: Series, cell: Cell) -> Path:
        return run.path(cell, f"bench.{self._key(series)}.json")

    def _journal_path(self, series: Series) -> Path:
        return self.order.folder / ".bench" / f"{self._key(series)}.jsonl"
