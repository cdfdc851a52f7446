"""Runs of earlier kits stay good: the fixture was made by the last kit before seeds were an axis."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from kit.runs.record import is_whole, read_record
from kit.runs.run import open_run
from kit.runs.stage import State
from kit.stages.registry import STAGES
from kit.workflow.verify import problems
from tests.conftest import Kit
from tests.report.pages import markdown

BEFORE_SEEDS = Path(__file__).with_name("before-seeds")


def test_an_old_run_is_read_in_todays_terms() -> None:
    run = open_run(BEFORE_SEEDS)
    assert run.preset.seeds == (3,)
    cell = run.preset.cells()[0]
    assert cell.name == "mobilenet_v3_small@3/s00/float32"
    record = run.record("train", cell.trained)
    assert record is not None and record.cell == "mobilenet_v3_small@3/s00"
    assert "threads" not in record.settings and "selected_on" not in record.settings
    assert list(problems(run)) == []


def test_its_records_are_of_its_preset_and_not_stale() -> None:
    run = open_run(BEFORE_SEEDS)
    for cell in run.preset.cells():
        for place, name in ((cell.trained, "train"), (cell, "convert"), (cell, "evaluate")):
            assert STAGES[name].state(run, place).is_done
        if cell.sparsity:
            assert STAGES["prune"].state(run, cell.variant).is_done


@pytest.mark.parametrize(("setting", "value"), [("epochs", 3), ("validation_images", 200)])
def test_another_preset_makes_them_stale(tmp_path: Path, setting: str, value: int) -> None:
    shutil.copytree(BEFORE_SEEDS, tmp_path / "run")
    path = tmp_path / "run" / "preset.json"
    preset = json.loads(path.read_text())
    preset["training"][setting] = value
    path.write_text(json.dumps(preset))
    run = open_run(tmp_path / "run")
    trained = run.preset.cells()[0].trained
    assert STAGES["train"].state(run, trained) is State.stale
    record = run.record("train", trained)
    assert record is not None
    assert STAGES["train"].moved(run, trained, record) == [f"{setting} {record.settings[setting]}, now {value}"]


def test_its_fingerprints_are_over_what_it_says_itself() -> None:
    for path in open_run(BEFORE_SEEDS).record_paths():
        assert is_whole(read_record(path))


def test_it_can_be_verified_and_reported(kit: Kit) -> None:
    shutil.copytree(BEFORE_SEEDS, kit.folder / "old")
    assert "records hold" in kit("verify", "old")
    kit("report", "old")
    assert "mobilenet_v3_small@3/s60/int8" in markdown(kit.folder / "reports" / "old")
