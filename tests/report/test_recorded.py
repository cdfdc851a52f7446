"""What a bench or a check says in English is said in German on a German page."""

from __future__ import annotations

import pytest

from kit.bench import validity
from kit.bench.validity import MeasuredCell
from kit.bench.values import Reading, Readings, Sample
from kit.report.language import language
from kit.report.recorded import said
from kit.study.protocols import PROTOCOLS

SLOW = Sample((1000, 5000, 9000), (), 0, 1, 10, 0, 0)
FAST = Sample((100, 110, 120), (), 0, 1, 10, 0, 0)


def every_warning() -> list[str]:
    reading = Reading(0.0, 9.0, "ondemand", (600_000,), (1_800_000,), 50.0, None)
    measured = MeasuredCell(
        [SLOW, FAST], [reading], [100.0, 200.0], PROTOCOLS["paper"], "xnnpack", 1, "Raspberry Pi 4 Model B"
    )
    return validity.warnings(measured)


def every_reason() -> list[str]:
    before = Reading(0.0, 0.0, "performance", (600_000,), (1_500_000,), 50.0, 0)
    slow = Reading(0.0, 0.0, "performance", (600_000,), (1_500_000,), 50.0, 0xF)
    other = Reading(0.0, 0.0, "ondemand", (600_000,), (1_500_000,), 50.0, 0)
    found = [validity.invalid_reasons(Readings(before, (one,), one)) for one in (slow, other)]
    return [reason for each in found for reason in each]


@pytest.mark.parametrize("text", [*every_warning(), *every_reason(), "epochs 2, now 30; a/b.tflite is another file now"])
def test_no_doubt_stays_english_on_a_german_page(text: str) -> None:
    assert said(text, language("de")) != text
    assert said(text, language("en")) == text


def test_all_kinds_are_there_and_an_unknown_phrase_stays() -> None:
    assert len(every_warning()) >= 8 and len(every_reason()) >= 6
    assert said("something else", language("de")) == "something else"
