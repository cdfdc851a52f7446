"""Measure files on a host: one series is one interpreter with one number of threads, over all files."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from kit.device import truth
from kit.device.journal import Journal
from kit.device.protocol import Protocol, Unit, schedule
from kit.device.session import Session
from kit.errors import KitError

_ATTEMPTS = 3
_LOOK_EVERY_S = 2.0

Told = Callable[[str, str, int, int], object]
"""Told a cell, what happens (running, cooling, again, done, failed), how many processes are done, and of how many."""


class Model(Struct, frozen=True):
    """A .tflite file that is on the host already, by its SHA-256."""

    name: str
    digest: str
    size_bytes: int


class Series(Struct, frozen=True):
    protocol: Protocol
    interpreter: str
    threads: int
    cooling_s: float = 120.0

    @property
    def name(self) -> str:
        return f"{self.interpreter}-t{self.threads}-{self.protocol.name}"

    def arguments(self, model: Model) -> list[str]:
        """What the agent is told."""
        p = self.protocol
        return ["measure", model.digest, f"--interpreter={self.interpreter}", f"--threads={self.threads}",
                f"--warmup={p.warmup_inferences}", f"--inferences={p.inferences}", f"--seconds={p.seconds}"]  # fmt: skip


def measure(session: Session, models: Sequence[Model], series: Series, journal: Journal, told: Told) -> dict[str, str]:
    """Measure what the journal does not have yet. Returns the models that cannot be measured, each with the reason."""
    by_name = {model.name: model for model in models}
    sentinel = min(models, key=lambda model: (model.size_bytes, model.name)).name
    failed: dict[str, str] = {}
    for unit in schedule(list(by_name), series.protocol.processes, sentinel):
        if unit.cell in failed or journal.has(unit):
            continue
        total = series.protocol.processes
        told(unit.cell, "running", len(journal.of(unit.cell)), total)
        note = partial(_note, told, unit, total)
        try:
            journal.add(_unit(session, unit, by_name[unit.cell], series, note))
        except _Refused as error:
            failed[unit.cell] = str(error)
            told(unit.cell, "failed", 0, total)
            continue
        done = len(journal.of(unit.cell))
        told(unit.cell, "done" if done == total else "waiting", done, total)
    return failed


def _note(told: Told, unit: Unit, total: int, what: str) -> None:
    told(unit.cell, what, unit.process, total)


class _Refused(KitError):  # noqa: N818
    """The agent cannot run this model."""


def _unit(session: Session, unit: Unit, model: Model, series: Series, told: Callable[[str], object]) -> dict[str, Any]:
    """One process, again while it is tainted. The last attempt stands, with what taints it."""
    cooled_s = 0.0
    for attempt in range(1, _ATTEMPTS + 1):
        cooled_s += _cool(session, series.cooling_s, told)
        told("running" if attempt == 1 else "again")
        answer = session.ask(series.arguments(model))
        if answer["code"]:
            raise _Refused((answer["err"].strip().splitlines() or [f"it ended with code {answer['code']}"])[-1])
        gate = answer["gate"]
        taints = truth.taints(gate)
        if not taints:
            break
    sample = msgspec.json.decode(answer["out"])
    return {"cell": model.name, "digest": model.digest, "unit": msgspec.to_builtins(unit), "sample": sample,
            "gate": gate, "taints": taints, "attempts": attempt, "cooled_s": round(cooled_s, 1)}  # fmt: skip


def _cool(session: Session, patience_s: float, told: Callable[[str], object]) -> float:
    """Wait until the device is cool, at most `patience_s`. Returns how long that took."""
    begin = time.monotonic()
    while truth.is_hot(session.read()) and time.monotonic() - begin < patience_s:
        told("cooling")
        time.sleep(min(_LOOK_EVERY_S, patience_s))
    return time.monotonic() - begin


def values(cell: str, journal: Journal, series: Series) -> dict[str, Any]:
    """The raw values of one cell for its record: samples, readings, validity and doubts."""
    entries, sentinels = journal.of(cell), journal.sentinels()
    reasons = sorted({taint for entry in entries for taint in entry["taints"]})
    sentinels_ns = [statistics.median(entry["sample"]["latency_ns"]) for entry in sentinels]
    samples, gates = [entry["sample"] for entry in entries], [entry["gate"] for entry in entries]
    return {
        "samples": samples,
        "validity": {"state": "INVALID" if reasons else "VALID", "reasons": reasons},
        "doubts": truth.doubts(samples, gates, sentinels_ns, series.protocol, series.threads),
        "gate": {
            "samples": gates,
            "attempts": [entry["attempts"] for entry in entries],
            "cooled_s": [entry["cooled_s"] for entry in entries],
            "sentinel": [
                {"cell": entry["unit"]["cell"], "median_ns": ns, "time": entry["gate"]["before"]["time"]}
                for entry, ns in zip(sentinels, sentinels_ns, strict=True)
            ],
        },
    }
