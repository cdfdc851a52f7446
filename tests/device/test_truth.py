"""The truth gate on readings as a device gives them."""

from __future__ import annotations

from typing import Any

import pytest

from kit.device import truth
from kit.device.protocol import PROTOCOLS


def reading(
    throttled: int | None = 0, clock: int = 1_500_000, governor: str | None = "performance", load: float = 0.2
) -> Any:
    return {"throttled": throttled, "temperature_c": 50.0, "clock_khz": [clock] * 4, "max_clock_khz": [1_500_000] * 4,
            "governor": governor, "load": load, "time": 0.0}  # fmt: skip


def gate(*during: Any, before: Any = None, after: Any = None) -> Any:
    return {"before": before or reading(), "during": list(during), "after": after or reading()}


@pytest.mark.parametrize(
    ("found", "reasons"),
    [
        (gate(reading()), []),
        (gate(reading(0x1)), ["under-voltage"]),
        (gate(reading(0x4)), ["throttled"]),
        (gate(after=reading(0x20000)), ["the firmware capped the clock"]),
        (gate(before=reading(0x50000)), []),
        (gate(reading(0x50000), before=reading(0x50000), after=reading(0x50000)), ["under-voltage", "throttled"]),
        (gate(reading(0x80000), before=reading(0x50000)), ["the soft temperature limit"]),
        (gate(reading(clock=600_000)), ["the clock fell to 600 of 1500 MHz"]),
        (gate(reading(clock=1_490_000)), []),
        (gate(reading(governor="ondemand")), ["the governor changed (ondemand, performance)"]),
        (gate(reading(None), before=reading(None), after=reading(None)), []),
    ],
)
def test_what_taints_a_measurement(found: Any, reasons: list[str]) -> None:
    assert truth.taints(found) == reasons


def test_another_governor_changes_the_clock_as_it_likes() -> None:
    slow = reading(governor="ondemand", clock=600_000)
    assert truth.taints(gate(slow, before=slow, after=slow)) == []
    sample = {"latency_ns": [1000] * 50}
    (doubt,) = truth.doubts([sample] * 5, [gate(before=slow)], [], PROTOCOLS["rigorous"], 1)
    assert doubt == "governor ondemand, not performance"


def test_what_is_said_beside_a_number() -> None:
    rigorous, sample = PROTOCOLS["rigorous"], {"latency_ns": [1000] * 50}
    assert truth.doubts([sample] * 5, [gate()], [1000, 1040], rigorous, 1) == []
    assert "few samples" in truth.doubts([sample] * 2, [gate()], [], rigorous, 1)[0]
    assert "drift 6 %" in truth.doubts([sample] * 5, [gate()], [1000, 1060, 1010], rigorous, 1)[0]
    assert "other load (load average 3.0)" in truth.doubts([sample] * 5, [gate(before=reading(load=3.0))], [], rigorous, 1)
    wide = {"latency_ns": [1000] * 25 + [1200] * 25}
    assert "spread 18 % between quartiles" in truth.doubts([wide] * 5, [gate()], [], rigorous, 1)
    others = [sample] * 4 + [{"latency_ns": [1200] * 50}]
    assert "spread 20 % between processes" in truth.doubts(others, [gate()], [], rigorous, 1)
    assert "does not tell" in truth.doubts([sample] * 5, [gate(before=reading(None))], [], rigorous, 1)[0]


def test_what_has_to_cool_down() -> None:
    assert not truth.is_hot(reading())
    assert truth.is_hot(reading() | {"temperature_c": 75.0}) and truth.is_hot(reading(0x8))
    assert not truth.is_hot(reading(0x80000) | {"temperature_c": None})
