"""Bench records of older kits, converted to today's form.

Version 2 had two kinds. This machine's own, `bench.json` and `bench-tflite.json`, knew no protocol and no validity: they are
read as the median of process medians, validity unknown, with the interpreter's default delegate. Those of a host had other
names for the same things. A key that today's kit writes is taken as it is.
"""

from __future__ import annotations

from kit.bench.transport import LOCAL
from kit.bench.values import BenchSettings, BenchValues
from kit.runs.record import Record, read_as

_WAY_OUT = "measure it again with `kit bench`"
_ORIGINS: dict[object, str] = {"host": LOCAL}  # `--host` is the Pi; this machine was called so before


def settings(record: Record) -> BenchSettings:
    """How it was measured. Raises KitError if the record does not say it."""
    old = record.settings
    protocol, samples = old.get("protocol", ""), record.values.get("samples")
    known = {
        "where": old.get("where", old.get("device", LOCAL)),
        "protocol": protocol,
        "delegate": "xnnpack",  # what both interpreters apply if nobody says otherwise
        "processes": len(samples) if isinstance(samples, list) else 0,
        "warmup_inferences": 0,
        "warmup_seconds": 0.0,
        "inferences": 0,
        "seconds": 0.0,
        "statistic": "mean" if protocol == "paper" else "median",
    }
    return read_as(BenchSettings, known | {key: value for key, value in old.items() if key != "device"}, record, _WAY_OUT)


def values(record: Record) -> BenchValues:
    """What it measured. Raises KitError if the record is not one of a bench."""
    old = dict(record.values)
    validity = old.get("validity", "unknown")
    if isinstance(validity, dict):
        old |= {"validity": str(validity["state"]).lower(), "invalid_reasons": validity.get("reasons", ())}
    gate = old.get("gate")
    if isinstance(gate, dict):
        old |= {"readings": gate["samples"]} | {key: gate[key] for key in ("attempts", "cooled_s", "sentinel")}
    old["warnings"] = old.get("warnings", old.get("doubts", ()))
    if isinstance(origin := old.get("origin"), str):
        old["origin"] = _ORIGINS.get(origin, origin)
    old.setdefault("device", {"model": record.environment["processor"]})
    return read_as(BenchValues, old, record, _WAY_OUT)
