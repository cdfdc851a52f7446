"""Verdicts on made-up trainings whose truth is known: seldom wrong, and they find what docs/verdicts.md names."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from kit.analysis.claims.decide import DECIDERS
from kit.analysis.verdicts import Level, Outcome

ROOT = Path(__file__).parents[2]
REPEATS = 120
ALLOWED = 0.05 + 2 * (0.05 * 0.95 / REPEATS) ** 0.5  # two standard errors of so few runs


@pytest.fixture(scope="module")
def verdicts() -> ModuleType:
    """`benchmarks/verdicts.py`, whose table has many more runs."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        return importlib.import_module("verdicts")
    finally:
        sys.path.pop(0)


@pytest.mark.parametrize("key", ["gain_at_first", "v3_hard_to_train"])
@pytest.mark.parametrize("n", [3, 10, 0])
def test_equal_networks_are_seldom_said_to_differ(verdicts: ModuleType, key: str, n: int) -> None:
    """n = 0: seeds are added until it is decided."""
    truth, spread, repeats = verdicts.TRUTHS[key], verdicts.SPREADS[key], REPEATS if n else REPEATS // 3
    assert verdicts.share(key, truth(0.0, spread), n, repeats)[0] == 0
    allowed = ALLOWED if n else 0.05 + 2 * (0.05 * 0.95 / repeats) ** 0.5
    assert verdicts.share(key, truth(verdicts.FAR, spread, (0.0, spread)), n, repeats)[0] <= allowed


@pytest.mark.parametrize("key", ["gain_at_first", "v3_hard_to_train"])
def test_a_number_of_trainings_finds_the_difference_that_is_named_for_it(verdicts: ModuleType, key: str) -> None:
    truth, spread = verdicts.TRUTHS[key], verdicts.SPREADS[key]
    for n, difference in verdicts.NAMED[key].items():
        assert verdicts.share(key, truth(difference, spread), n, REPEATS)[0] >= 0.8
        assert f"{100 * difference:g} points" in (ROOT / "docs" / "verdicts.md").read_text("utf-8")
    found, needed = verdicts.share(key, truth(verdicts.NAMED[key][3], spread), 0, REPEATS // 3)
    assert found >= 0.8 and 3 <= needed < 8, "a large difference stops early"


def test_one_training_finds_nothing_and_says_so(verdicts: ModuleType) -> None:
    for key in verdicts.NAMED:
        truth = verdicts.TRUTHS[key](verdicts.FAR, verdicts.SPREADS[key])
        assert verdicts.share(key, truth, 1, 20)[0] == 0
        verdict = verdicts.judged(key, verdicts.drawn(truth, 1, verdicts.np.random.default_rng(1)))
        assert (verdict.outcome, verdict.level, verdict.on_images) == (
            Outcome.one_training, Level.one_training, Outcome.reproduced,
        )  # fmt: skip
        assert key in DECIDERS
