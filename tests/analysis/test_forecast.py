"""Whether a published number could be one more of ours, and how often int8 collapses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from scipy import stats

from kit.analysis.summary import Trainings, join
from kit.study.grid import Cell
from kit.study.published import published
from tests.conftest import Kit
from tests.made_up import Figures, like_the_study, make

KEPT = ("mobilenet", "mobilenet_v3_large")
MOVED = {1: -0.02, 2: 0.0, 3: 0.02, 4: 0.03}


def figures(cell: Cell) -> Figures | None:
    """Two networks around the published accuracies, MobileNet 20 points above; V3 Large collapses in int8 with seed 2."""
    if cell.architecture not in KEPT or cell.sparsity:
        return None
    usual, float32 = like_the_study(cell), published().of(replace(cell, precision="float32").point)
    assert usual.top1 and float32
    collapses = cell.precision == "int8" and cell.seed == 2
    middle = float32.top1 - (0.3 if collapses and cell.architecture == "mobilenet_v3_large" else 0.0)
    raised = 0.2 if cell.architecture == "mobilenet" else 0.0
    return replace(usual, latency_us=None, top1=(middle + raised + MOVED[cell.seed],) * 10)


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Trainings:
    (group,) = join(make(tmp_path_factory.mktemp("four"), figures, seeds=(1, 2, 3, 4)).by_seed()).trainings
    return group


def test_a_published_accuracy_lies_in_the_interval_of_the_next_training_or_not(four: Trainings) -> None:
    found = {(one.cell, one.quantity): one for one in four.forecasts}
    near, far = (found[f"{name}/s00/float32", "top1"] for name in ("mobilenet_v3_large", "mobilenet"))
    assert near.inside is True and far.inside is False
    expected = stats.t.ppf(0.975, 3) * stats.tstd(near.values) * (1 + 1 / 4) ** 0.5
    assert near.high is not None and near.mean is not None
    assert near.high - near.mean == pytest.approx(expected, rel=1e-4) and near.n == 4
    low, high = zip(*((one.low, one.high) for one in four.forecasts if one.low is not None), strict=True)
    assert min(low) >= 0 and max(high) == 1, "an accuracy is none of more than 1"


def test_how_often_int8_collapses_has_an_exact_interval(four: Trainings) -> None:
    (large,) = four.collapses
    assert (large.cell, large.collapsed, large.n) == ("mobilenet_v3_large/s00/int8", 1, 4)
    exact = stats.binomtest(1, 4).proportion_ci(0.95, method="exact")
    assert (large.low, large.high) == pytest.approx((exact.low, exact.high), rel=1e-4)
    assert large.drops_points == pytest.approx((0, 30, 0, 0), abs=0.1)
    assert large.published_collapsed and large.published_points == pytest.approx(29.71)


def test_one_training_says_that_it_gives_none(tmp_path: Path) -> None:
    (group,) = join([make(tmp_path, figures, seed=1)]).trainings
    assert group.forecasts and all(one.inside is None and one.low is None for one in group.forecasts)
    assert {str(one.note) for one in group.forecasts} == {"One training gives no interval for the next one."}
    assert [(one.collapsed, one.n, one.high) for one in group.collapses] == [(0, 1, 0.975)]


def test_the_report_and_results_json_say_it(kit: Kit) -> None:
    make(kit.folder / "run", figures, seeds=(1, 2, 3, 4))
    shown = kit("report", "run")
    assert "on one training" in shown and "over 4 trainings" in shown
    page = (kit.folder / "reports" / "run" / "report.md").read_text()
    assert "Is the published accuracy one of ours?" in page and "| mobilenet_v3_large/s00/int8 | 29.7 |" in page
    expected = (kit.folder / "reports" / "run" / "details" / "next-training.md").read_text()
    assert "1 of 4" in page and "✗ outside" in expected and "✓ inside" in expected
    (group,) = json.loads((kit.folder / "reports" / "run" / "results.json").read_text())["trainings"]
    assert group["seeds"] == [1, 2, 3, 4] and group["collapses"][0]["collapsed"] == 1
    assert {verdict["level"] for verdict in group["verdicts"]} >= {"trainings", "exact"}
    german = kit("report", "run", "--language", "de")
    assert "an einem Training" in german and "über 4 Trainings" in german
    assert "Wie oft bricht int8 ein?" in (kit.folder / "reports" / "run" / "report.md").read_text()
