"""What a run's records were made with is asked before their numbers are shown."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from kit import store
from kit.analysis.results import results
from kit.analysis.summary import one_run
from kit.runs.record import encode_record, fingerprint_of, read_record
from kit.runs.run import Run, open_run
from kit.workflow import progress, reproduce
from kit.workflow.reproduce import RunRequest
from kit.workflow.stages import ORDER
from kit.workflow.standing import older
from kit.workflow.verify import problems
from tests.conftest import CELLS, Kit

BEFORE_SEEDS = Path(__file__).parents[1] / "runs" / "before-seeds"


@pytest.fixture
def changed(tmp_path: Path) -> Run:
    """A run whose preset says another number of epochs than its training had."""
    shutil.copytree(BEFORE_SEEDS, tmp_path / "old")
    path = tmp_path / "old" / "preset.json"
    path.write_text(path.read_text().replace('"epochs": 2,', '"epochs": 30,', 1))
    assert json.loads(path.read_text())["training"]["epochs"] == 30
    return open_run(path.parent)


def test_records_of_an_earlier_version_count_and_are_named() -> None:
    run = open_run(BEFORE_SEEDS)
    assert not list(problems(run))
    assert next((one.stage, one.version, one.count) for one in older(run)) == ("evaluate", 1, 4)


@pytest.mark.parametrize(
    ("file", "values", "said"),
    [
        ("s00/train.json", {}, "its values do not fit its stage (Object missing required field `weights`)"),
        ("s00/train.json", {"history": []}, "its history is too short"),
        ("s00/int8/evaluate.json", {}, "its values do not fit its stage (Object missing required field `test`)"),
    ],
)
def test_values_that_do_not_fit_their_stage_do_not_verify(
    tmp_path: Path, file: str, values: dict[str, object], said: str
) -> None:
    shutil.copytree(BEFORE_SEEDS, tmp_path / "old")
    path = tmp_path / "old" / "mobilenet_v3_small" / file
    record = json.loads(path.read_bytes())
    path.write_text(json.dumps(record | {"values": values and record["values"] | values}))
    run = open_run(tmp_path / "old")
    assert f"{record['stage']} {record['cell']}: {said}" in list(problems(run))


def test_what_another_preset_made_and_what_came_from_it_is_stale_and_does_not_verify(changed: Run) -> None:
    said = list(problems(changed))
    assert said[0] == "train mobilenet_v3_small@3/s00 is stale: epochs 2, now 30"
    assert "evaluate mobilenet_v3_small@3/s60/int8 is stale: made from what convert" in "\n".join(said)
    assert len(said) == 14 + 4  # and the benches of another series


def test_the_report_says_so_and_leaves_the_numbers_out(changed: Run, kit: Kit) -> None:
    kit("report", "old")
    text = (kit.folder / "reports" / "old" / "report.md").read_text()
    assert "0 of 4 cells are complete" in text
    assert "| train mobilenet_v3_small@3/s00 | epochs 2, now 30 |" in text
    assert "4 records of stage evaluate were made by version 1 of it" in text
    with (kit.folder / "reports" / "old" / "results.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert all(row["top1"] == row["size_bytes"] == row["latency_us"] == "" and row["stale"] for row in rows)


@pytest.fixture
def mine(smoke: Kit, tmp_path: Path) -> Run:
    """A copy of the smoke run, for each test its own."""
    shutil.copytree(smoke.folder / "runs" / "smoke", tmp_path / "runs" / "smoke")
    return open_run(tmp_path / "runs" / "smoke")


def edit(path: Path, **changes: object) -> None:
    """Change a record as a kit would have written it: with its fingerprint."""
    record = msgspec.structs.replace(read_record(path), **changes)
    own = fingerprint_of(record.stage, record.version, record.settings, record.inputs)
    path.write_bytes(encode_record(msgspec.structs.replace(record, fingerprint=own)))


def with_preset(run: Run, old: str, new: str) -> None:
    path = run.folder / "preset.json"
    text = msgspec.json.format(path.read_bytes(), indent=-1).decode()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def another_epoch(run: Run) -> None:
    with_preset(run, '"epochs":12', '"epochs":13')


def another_calibration(run: Run) -> None:
    with_preset(run, '"calibration_images":100', '"calibration_images":50')


def another_data_set(run: Run) -> None:
    with_preset(run, '"dataset":"digits"', '"dataset":"cifar10"')


def pruned_again_by_another_schedule(run: Run) -> None:
    """And one of its two cells made again, as `kit reproduce CELL` does."""
    with_preset(run, '"60":{"steps":3', '"60":{"steps":2')
    weights = run.folder / S60 / "weights.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    settings = read_record(weights.with_name("prune.json")).settings | {"schedule": {"steps": 2, "epochs": 3}}
    digest = {f"{S60}/weights.safetensors": store.sha256(weights)}
    edit(weights.with_name("prune.json"), settings=settings, outputs=digest)
    convert = run.folder / S60 / "int8" / "convert.json"
    edit(convert, inputs=read_record(convert).inputs | digest)


def another_cell_s_record(run: Run) -> None:
    shutil.copy(run.folder / S00 / "int8" / "evaluate.json", run.folder / S60 / "int8" / "evaluate.json")


def another_model(run: Run) -> None:
    shutil.copy(run.folder / S00 / "int8" / "model.tflite", run.folder / S60 / "int8" / "model.tflite")


def of_a_newer_kit(run: Run) -> None:
    edit(run.folder / S00 / "train.json", version=99)


def edited_by_hand(run: Run) -> None:
    path = run.folder / S60 / "prune.json"
    path.write_text(path.read_text().replace('"momentum": 0.9', '"momentum": 0.8'))


S00, S60 = CELLS
ALL = {f"{one}/{precision}" for one in CELLS for precision in ("float32", "int8")}
SITUATIONS = {
    another_epoch: ALL,
    another_calibration: {f"{S00}/int8", f"{S60}/int8"},
    another_data_set: ALL,
    pruned_again_by_another_schedule: {f"{S60}/float32"},
    another_cell_s_record: {f"{S60}/int8"},
    another_model: {f"{S60}/int8"},
    of_a_newer_kit: ALL,
    edited_by_hand: {f"{S60}/float32", f"{S60}/int8"},
}


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.__name__)
def test_status_dry_run_verify_and_results_agree_on_what_is_stale(mine: Run, situation: Callable[[Run], None]) -> None:
    situation(mine)
    run = open_run(mine.folder)
    stale = SITUATIONS[situation]
    found = {result.cell.name: result for result in results(run) if result.cell.name in ALL}
    assert {name for name, result in found.items() if result.stale} == stale
    assert all(found[name].test is None for name in stale)
    told = {row.cell: row.stale for row in one_run(run).cells}
    assert {name for name, why in told.items() if why} == stale

    cells = [*CELLS]
    shown = {e.task.cell.name for e in progress.status(run).entries if e.state == "stale" and e.task.cell.precision}
    planned = reproduce.preview(RunRequest(run.folder, run.preset, ORDER, cells))
    again = {one.task.cell.name for one in planned if one.finding.state == "stale" and one.task.cell.precision}
    assert shown == again == stale
    verified = "\n".join(problems(run))
    assert {name for name in ALL if re.search(rf"{name}[^ ]* is stale", verified)} == stale


@pytest.mark.parametrize(
    "gone", ["*/s60/weights.safetensors", "*/s60/int8/model.tflite", "*/s00/int8/predictions.safetensors"]
)
def test_a_file_that_is_missing_contradicts_nothing(mine: Run, gone: str) -> None:
    (path,) = mine.folder.glob(gone)
    path.unlink()
    assert not any(result.stale for result in results(mine))
    assert any(entry.state == "stale" and "is missing" in entry.note for entry in progress.status(mine).entries)


def test_stale_records_are_not_published_and_every_output_marks_them(mine: Run, kit: Kit) -> None:
    pruned_again_by_another_schedule(mine)
    said = kit("publish", "smoke", "bundle", code=1)
    assert f"has stale records (3), such as convert {S60}/float32 is stale" in said
    assert "`kit reproduce --preset smoke.toml --run runs/smoke` makes them again" in said
    assert not (kit.folder / "bundle").exists()
    kit("report", "smoke", "--language", "de")
    report = kit.folder / "reports" / "smoke"
    assert "mobilenet_v3_small/s60/float32 (veraltet) |" in (report / "report.md").read_text()
    assert f"{S60}/float32 (veraltet) |" in (report / "details" / "cells.md").read_text()
    assert f"{S60}/float32 (veraltet)" in (report / "report.html").read_text()
    (run,) = json.loads((report / "results.json").read_text())["runs"]
    stale = {cell["cell"]: cell["stale"] for cell in run["cells"] if cell["stale"]}
    assert list(stale) == [f"{S60}/float32"] and "weights.safetensors is another file now" in stale[f"{S60}/float32"]
