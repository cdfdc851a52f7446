"""What a device's readings say about a measurement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from kit.bench import validity
from kit.bench.values import Reading, Readings, Sample
from kit.study.protocols import PROTOCOLS


def reading(
    throttled: int | None = 0,
    clock: int = 1_500_000,
    governor: str | None = "performance",
    load: float = 0.2,
    temperature_c: float | None = 50.0,
    measured: int | None = None,
    full: int = 1_500_000,
) -> Reading:
    return Reading(0.0, load, governor, (clock,) * 4, (full,) * 4, temperature_c, throttled, measured)


def readings(*during: Reading, before: Reading | None = None, after: Reading | None = None) -> Readings:
    return Readings(before or reading(), during, after or reading())


def sample(*latency_ns: int, delegated: int | None = None) -> Sample:
    return Sample(latency_ns, (), 0, 1, None if delegated is None else 10, delegated, 0)


def warnings(samples: Sequence[Sample], sentinels_ns: Sequence[float] = (), **changes: Any) -> list[str]:
    found = {"before": [reading()], "sentinels_ns": sentinels_ns, "protocol": PROTOCOLS["rigorous"]} | changes
    return validity.warnings(validity.MeasuredCell(samples, **found))


@pytest.mark.parametrize(
    ("found", "reasons"),
    [
        (readings(reading()), []),
        (readings(reading(0x1)), ["under-voltage"]),
        (readings(reading(0x4)), ["throttled"]),
        (readings(after=reading(0x20000)), ["the firmware capped the clock"]),
        (readings(before=reading(0x50000)), []),
        (readings(reading(0x50000), before=reading(0x50000), after=reading(0x50000)), ["under-voltage", "throttled"]),
        (readings(reading(0x80000), before=reading(0x50000)), ["the soft temperature limit"]),
        (readings(reading(clock=600_000)), ["the clock fell to 600 of 1500 MHz"]),
        (readings(reading(clock=1_490_000)), []),
        (readings(reading(measured=1_000_000)), ["the clock fell to 1000 of 1500 MHz"]),
        (readings(reading(None, measured=1_500_345), before=reading(None), after=reading(None)), []),
        (readings(reading(governor="ondemand")), ["the governor changed (ondemand, performance)"]),
        (readings(reading(None), before=reading(None), after=reading(None)), []),
    ],
)
def test_what_makes_a_measurement_invalid(found: Readings, reasons: list[str]) -> None:
    assert validity.invalid_reasons(found) == reasons


STEADY = sample(*[1000] * 50)


def test_another_governor_changes_the_clock_as_it_likes() -> None:
    slow = reading(governor="ondemand", clock=600_000)
    assert validity.invalid_reasons(readings(slow, before=slow, after=slow)) == []
    assert warnings([STEADY] * 5, before=[slow]) == ["governor ondemand, not performance"]


def test_what_is_said_beside_a_number() -> None:
    assert warnings([STEADY] * 5, [1000, 1040]) == []
    assert "few samples" in warnings([STEADY] * 2)[0]
    assert warnings([STEADY], protocol=PROTOCOLS["paper"]) == [], "one process is what the study had"
    assert "drift 6 %" in warnings([STEADY] * 5, [1000, 1060, 1010])[0]
    assert "other load (load average 3.0)" in warnings([STEADY] * 5, before=[reading(load=3.0)])
    assert "spread 18 % between quartiles" in warnings([sample(*[1000] * 25, *[1200] * 25)] * 5)
    assert "spread 20 % between processes" in warnings([STEADY] * 4 + [sample(*[1200] * 50)])
    assert "does not tell" in warnings([STEADY] * 5, before=[reading(None)])[0]


def test_a_pi_4_that_runs_faster_than_the_study_s_is_said() -> None:
    fast = [reading(clock=1_800_000, full=1_800_000)]
    said = ["clock 1800 MHz, the study's was 1500 (--clock 1500 pins it)"]
    assert warnings([STEADY] * 5, before=fast, model="Raspberry Pi 4 Model B Rev 1.4") == said
    assert warnings([STEADY] * 5, before=[reading()], model="Raspberry Pi 4 Model B Rev 1.4") == []
    assert warnings([STEADY] * 5, before=fast, model="Raspberry Pi 5 Model B Rev 1.0") == []


def test_a_delegate_that_runs_nothing_is_said() -> None:
    idle, busy = sample(*[1000] * 50, delegated=0), sample(*[1000] * 50, delegated=4)
    assert warnings([idle] * 5, delegate="xnnpack") == ["xnnpack runs none of the file's nodes"]
    assert warnings([idle] * 5, delegate="none") == warnings([busy] * 5, delegate="xnnpack") == []


def test_what_has_to_cool_down() -> None:
    assert not validity.is_hot(reading())
    assert validity.is_hot(reading(temperature_c=75.0)) and validity.is_hot(reading(0x8))
    assert not validity.is_hot(reading(0x80000, temperature_c=None))
