"""How cells are measured, and in which order."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from kit.bench.protocol import Unit, schedule
from kit.errors import KitError
from kit.study import protocols
from kit.study.preset import BUILT_IN, load
from kit.study.protocols import PROTOCOLS


def test_rounds_are_shuffled_and_whole_and_the_sentinel_is_measured_again_and_again() -> None:
    cells = [f"cell{index}" for index in range(12)]
    units = schedule(cells, 5, "cell3")
    plain = [unit for unit in units if not unit.sentinel]
    assert len(plain) == 60 and len(set(plain)) == 60
    rounds = [[unit.cell for unit in plain[start : start + 12]] for start in range(0, 60, 12)]
    assert all(sorted(round_) == sorted(cells) for round_ in rounds)
    assert len({tuple(round_) for round_ in rounds}) == 5, "every round has its own order"
    sentinels = [index for index, unit in enumerate(units) if unit.sentinel]
    assert sentinels[0] == 0 and sentinels[-1] == len(units) - 1
    assert all(later - earlier <= 9 for earlier, later in pairwise(sentinels))
    assert units == schedule(cells, 5, "cell3"), "a call that resumes has the same order"


def test_a_single_cell_is_its_own_sentinel() -> None:
    assert schedule(["a"], 2, "a") == [Unit("a", 0), Unit("a", 1)]


def test_the_study_measured_without_a_delegate_and_by_the_mean() -> None:
    paper = protocols.get("paper")
    assert (paper.processes, paper.delegates, paper.statistic) == (1, ("none",), "mean")
    assert (paper.warmup_inferences, paper.warmup_seconds, paper.inferences, paper.seconds) == (1, 0.5, 50, 1.0)
    assert protocols.get("rigorous").delegates == ("none", "xnnpack")


def test_every_preset_names_a_protocol() -> None:
    named = {name: load(name).bench.protocol for name in BUILT_IN}
    assert named == {"paper": "paper", "short": "rigorous", "smoke": "trial"} and set(named.values()) == set(PROTOCOLS)


def test_an_unknown_protocol_says_which_there_are() -> None:
    with pytest.raises(KitError, match="unknown protocol 'papr': did you mean paper"):
        protocols.get("papr")


def test_every_protocol_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "raspberry-pi.md").read_text()
    assert not [name for name in PROTOCOLS if f"\n| `{name}` |" not in text]
