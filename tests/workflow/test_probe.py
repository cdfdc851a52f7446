"""How long a run takes is estimated by timing a few steps here; where that fails, by the rates of a PC."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.cli import preview
from kit.errors import KitError
from kit.study.preset import load
from kit.workflow import probe, reproduce
from kit.workflow.reproduce import RunRequest


def test_without_an_answer_the_estimate_is_a_pc_s_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> dict[str, float]:
        raise KitError("this machine's rate is unknown (no TensorFlow)")

    monkeypatch.setattr(probe, "slowness", fails)
    request = RunRequest(tmp_path / "runs" / "paper", load("paper"), ("train",), ["mobilenet"], workers=1)
    planned = reproduce.preview(request)
    assert preview.measured(request, planned) == (planned, "rates of a PC; this machine's rate is unknown (no TensorFlow)")


def test_each_network_is_slower_or_faster_by_its_own_factor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "slowness", lambda preset, names, workers: dict.fromkeys(names, 2.0) | {"mobilenet": 0.5})
    request = RunRequest(tmp_path / "runs" / "paper", load("paper"), ("train",), ["mobilenet", "mobilenet_v2"], workers=1)
    before = [row.estimate_s for row in reproduce.preview(request)]
    after = [row.estimate_s for row in preview.measured(request, reproduce.preview(request))[0]]
    assert after == [before[0] * 0.5, before[1] * 2.0]


def test_a_process_that_ends_without_an_answer_is_one_line() -> None:
    with pytest.raises(KitError, match="this machine's rate is unknown") as caught:
        probe.slowness(load("paper"), ["no_such_network"], 1)
    assert "\n" not in str(caught.value)
