"""Records of benches as older kits wrote them still count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from kit.analysis.measurement import of_record
from kit.analysis.results import results, usable_series
from kit.bench import legacy
from kit.errors import KitError
from kit.runs.record import Record, read_record
from kit.runs.run import open_run

OLD_RUN = Path(__file__).parents[1] / "old_run"
CELL = OLD_RUN / "mobilenet" / "s00" / "int8"


def test_this_machines_own_is_the_median_of_medians_and_of_unknown_validity() -> None:
    for name, interpreter in (("bench.json", "litert"), ("bench-tflite.json", "tflite")):
        bench = of_record(read_record(CELL / name), name)
        assert (bench.series.origin, bench.series.where, bench.series.protocol) == ("local", "local", "")
        assert (bench.series.interpreter, bench.series.delegate) == (interpreter, "xnnpack")
        assert (bench.latency.validity, bench.latency.statistic, bench.process_count) == ("unknown", "median", 5)
        assert bench.series.device == "AMD EPYC" and bench.is_valid and bench.delegation is None


def test_a_hosts_has_other_names_for_the_same() -> None:
    record = read_record(CELL / "bench.pi.local-tflite-t1-trial.json")
    settings, values = legacy.settings(record), legacy.values(record)
    assert (settings.where, settings.protocol, settings.delegate) == ("pi.local", "trial", "xnnpack")
    assert (values.origin, values.validity) == ("emulated", "valid") and values.device.model.startswith("Raspberry Pi 4")
    assert len(values.readings) == len(values.attempts) == len(values.samples) == 2
    assert values.readings[0].during and len(values.sentinel) == 15 and values.parity and values.parity.n == 20
    assert "few samples (2 processes, 6 inferences)" in values.warnings


@pytest.mark.parametrize(("reasons", "said"), [(["throttled"], ("throttled",)), ([], ("invalid",))])
def test_what_was_invalid_still_is(reasons: list[str], said: tuple[str, ...]) -> None:
    record = read_record(CELL / "bench.pi.local-tflite-t1-trial.json")
    values: dict[str, Any] = record.values | {"validity": {"state": "INVALID", "reasons": reasons}}
    bench = of_record(msgspec.structs.replace(record, values=values), "x")
    assert not bench.is_valid and bench.latency.invalid_reasons == said


def test_a_record_of_something_else_is_one_line() -> None:
    record: Record = read_record(CELL / "bench.json")
    with pytest.raises(KitError, match=r"bench record of mobilenet/s00/int8 cannot be read .* measure it again"):
        legacy.values(msgspec.structs.replace(record, values=record.values | {"samples": "none"}))


def test_an_old_run_still_decides_on_times() -> None:
    run = open_run(OLD_RUN)
    assert run.preset.bench.protocol == "rigorous"
    found = results(run)
    assert all(len(r.benches) == 3 for r in found)
    first, *_ = usable_series(found)
    assert (first.origin, first.interpreter, first.protocol) == ("local", "litert", "")
