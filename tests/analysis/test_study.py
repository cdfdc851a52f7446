"""The rules are held to the study: its own published numbers, by their values, come out as it says."""

from __future__ import annotations

import pytest

from kit.analysis.claims.decide import of_the_study
from kit.analysis.naming import studied, trained
from kit.analysis.points import published_evidence
from kit.analysis.verdicts import Outcome
from kit.study.claims import claims

BY_CLASS = ("pruned_classes", "quantized_classes")  # the study publishes no accuracy by class as a number


@pytest.mark.parametrize("key", [one.key for one in claims() if one.key not in BY_CLASS])
def test_the_studys_own_numbers_pass_every_rule(key: str) -> None:
    verdict = of_the_study()[key]
    assert verdict.outcome is Outcome.reproduced, str(verdict.reason)
    assert verdict.missing == ()
    for row in verdict.evidence:
        assert row.holds and row.within and row.low is None and row.p is None, row


@pytest.mark.parametrize("key", BY_CLASS)
def test_what_needs_values_by_class_is_exempt(key: str) -> None:
    assert of_the_study()[key].outcome is Outcome.not_testable


def value(key: str, row: int = 0) -> float:
    found = of_the_study()[key].evidence[row].value
    assert found is not None
    return found


def test_the_deciders_find_what_the_study_states() -> None:
    assert value("mobilenet_smallest") == pytest.approx(0.9, abs=0.05)
    assert value("storage_saved") == pytest.approx(91.65, abs=0.005)
    assert value("quantized_latency") == pytest.approx(3.1, abs=0.05)
    assert [value("minimalistic_faster", row) for row in (0, 1)] == pytest.approx([0.66, 0.62], abs=0.005)
    assert value("v3_large_recovers") == pytest.approx(100 * (0.3963 - 0.6934))
    assert value("smallest_of_all") == pytest.approx(0.36, abs=0.005)


def test_train_top1_is_what_claim_1_rests_on() -> None:
    gaps = [published_evidence().gap(trained(name), 0.05).value for name in studied()]
    assert gaps == pytest.approx([0.0863, 0.1135, 0.0815, 0.0843, 0.0886])
