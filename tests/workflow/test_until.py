"""Seeds are added until a claim is decided: by a plan, with its level spent over the looks, and resumed like all else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from kit.analysis.sequential import nominal
from kit.analysis.until import keys_of, open_cells
from kit.errors import KitError
from kit.runs import bundle, looks
from kit.runs.run import open_run
from kit.study.grid import Cell
from kit.study.preset import load
from kit.workflow.graph import Task
from kit.workflow.reproduce import RunRequest
from kit.workflow.scheduler import TaskOutcomes
from kit.workflow.until import seeds_of, until_decided
from tests.conftest import Kit
from tests.made_up import Figures, like_the_study, make

KEYS = ("gain_at_first",)
PLAN = looks.planned(KEYS, 6)
SPREAD = 0.015


def figures(cell: Cell) -> Figures:
    """Like the study's; each training gains a bit more or less by pruning."""
    usual, drawn = like_the_study(cell), np.random.default_rng([cell.seed, *cell.architecture.encode()])
    moved = SPREAD * drawn.normal() if cell.sparsity else 0.0
    return replace(usual, latency_us=None, top1=tuple(value + moved for value in usual.top1 or ()))


class Maker:
    """Makes up what is asked for, and remembers it; stops like a killed process after some requests."""

    def __init__(self, patience: int = 100) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.patience = patience

    def __call__(self, request: RunRequest) -> TaskOutcomes:
        if len(self.asked) == self.patience:
            raise KeyboardInterrupt
        self.asked.append(tuple(request.patterns))
        cells = [c for c in request.preset.cells() if any(c.matches(pattern) for pattern in request.patterns)]
        make(request.folder, lambda cell: figures(cell) if cell in cells else None, seeds=request.preset.seeds)
        return TaskOutcomes(done=[Task("train", cell) for cell in cells])


def run_it(folder: Path, maker: Callable[[RunRequest], TaskOutcomes], plan: looks.Looks = PLAN) -> RunRequest:
    wanted = ("mobilenet/s00/float32", "mobilenet/s30/float32", "mobilenet_v3_small/s00", "mobilenet_v3_small/s30")
    request = RunRequest(folder, load("paper"), ("evaluate",), wanted)
    kept = looks.keep(folder, plan)
    return until_decided(request, kept, lambda run, seeds: open_cells(run, seeds, KEYS), maker)[1]


def test_seeds_are_added_until_it_is_decided(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maker = Maker()
    run_it(tmp_path, maker)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "look at 3 of up to 6 trainings: open" and said[-1].endswith("trainings: decided")
    assert len(said) == len(maker.asked) == len(open_run(tmp_path).preset.seeds) - 2
    networks = ("mobilenet", "mobilenet_v3_small")
    assert set(maker.asked[1]) == {f"{name}@4/{s}/float32" for name in networks for s in ("s00", "s30")}
    assert "mobilenet_v3_small@1/s00" in maker.asked[0]


def test_a_call_that_is_killed_resumes_with_the_same_looks(tmp_path: Path) -> None:
    whole, cut, again = Maker(), Maker(patience=1), Maker()
    run_it(tmp_path / "whole", whole)
    with pytest.raises(KeyboardInterrupt):
        run_it(tmp_path / "killed", cut)
    run_it(tmp_path / "killed", again)
    assert again.asked == whole.asked and cut.asked == whole.asked[:1]
    assert open_run(tmp_path / "killed").preset == open_run(tmp_path / "whole").preset


def test_a_level_that_is_spent_is_not_spent_again(tmp_path: Path) -> None:
    run_it(tmp_path, Maker())
    with pytest.raises(KitError, match=r"is planned for up to 6 trainings: give --max-seeds 6"):
        looks.keep(tmp_path, looks.planned(KEYS, 12))
    assert looks.keep(tmp_path, looks.planned(("overfitting",), 6)).claims == ("gain_at_first", "overfitting")
    bundle.make(open_run(tmp_path), tmp_path / "bundle", lambda name: False)
    assert looks.read(tmp_path / "bundle") == looks.read(tmp_path)


def test_the_plan_goes_to_its_end_and_no_further(tmp_path: Path) -> None:
    maker = Maker()
    run_it(tmp_path, maker, looks.planned(KEYS, 3))
    assert len(maker.asked) == 1 and len(open_run(tmp_path).preset.seeds) == 3


def test_the_presets_own_seeds_come_first() -> None:
    assert seeds_of(replace(load("paper"), seeds=(7, 2)), 4) == (7, 2, 8, 9)
    assert seeds_of(load("paper"), 3) == (1, 2, 3)


def test_only_claims_on_accuracies_can_be_decided_by_seeds(kit: Kit) -> None:
    assert keys_of(["20", "gain_at_first", "1"], "cifar10") == ("gain_at_first", "overfitting")
    with pytest.raises(KitError, match="is about sizes or times"):
        keys_of(["4"], "cifar10")
    assert "did you mean gain_at_first?" in kit("reproduce", "-p", "short", "--until-decided", "gain_at_frist", code=1)
    assert "can't be decided on digits" in kit("reproduce", "-p", "smoke", "--until-decided", "20", code=1)
    said = kit("reproduce", "mobilenet/s30/float32", "-p", "short", "--until-decided", "20", "--dry-run")
    assert "train mobilenet@3/s00: about" in said and "mobilenet@4" not in said
    assert "(measured here, a few steps of each network)" in said
    assert not list(kit.folder.rglob("looks.json"))


def test_the_command_adds_seeds_and_reports_at_the_level_that_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All but the work itself, which is made up: two networks of the grid, and then their report."""
    from kit.cli import live, study

    maker, ended = Maker(), list[TaskOutcomes]()
    monkeypatch.setattr(study, "_bring_up_to_date", maker)
    monkeypatch.setattr(live, "end", ended.append)
    places = {"folder": tmp_path / "runs", "reports": tmp_path / "reports"}
    wanted = ["mobilenet/s00/float32", "mobilenet/s30/float32", "mobilenet_v3_small/s00", "mobilenet_v3_small/s30"]
    study.reproduce(wanted, "paper", until_decided=["20"], max_seeds=6, **places)
    said = capsys.readouterr().out
    assert "look at 5 of up to 6 trainings: decided" in said and "over 5 trainings" in said
    assert len(maker.asked) == 4 and maker.asked[-1] == maker.asked[0] and len(ended) == 1
    found = json.loads((tmp_path / "reports" / "paper" / "results.json").read_text())["trainings"][0]["verdicts"]
    verdict = next(one for one in found if one["key"] == "gain_at_first")
    assert (verdict["outcome"], verdict["trainings"], verdict["is_open"]) == (
        "partly",
        5,
        False,
    )  # three networks are missing
    assert {row["holds"] for row in verdict["evidence"]} == {True}
    assert verdict["level_spent"] == pytest.approx(nominal((3, 4, 5, 6))[2])
    assert "Looked at after 3 trainings and each further one up to 6: the level at this look is" in verdict["reason"]
    others = {one["level_spent"] for one in found if one["key"] != "gain_at_first"}
    assert others == {0.05}
