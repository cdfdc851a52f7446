"""`kit publish`: an excerpt of a run can be verified and reported, and does not hide what it lacks."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from kit.records import store
from tests.conftest import Kit
from tests.report.made_up import like_the_study
from tests.report.made_up import make as write


@pytest.fixture(scope="module")
def excerpt(smoke: Kit, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    made = Kit(tmp_path_factory.mktemp("excerpt"))
    said = made("publish", str(smoke.folder / "runs" / "smoke"), "published")
    assert "written: " in said
    return made


def test_an_excerpt_holds_what_its_records_say(smoke: Kit, excerpt: Kit) -> None:
    folder = excerpt.folder / "published"
    said = excerpt("verify", "published")
    assert "all 14 records hold" in said and "5 files that they name are not part of this excerpt" in said
    packed = {path.relative_to(folder).as_posix() for path in folder.rglob("*.gz")}
    assert "mobilenet_v3_small/s00/int8/model.tflite.gz" in packed
    assert "mobilenet_v3_small/s00/float32/model.tflite.gz" not in packed
    model = "mobilenet_v3_small/s00/int8/model.tflite"
    assert gzip.decompress((folder / f"{model}.gz").read_bytes()) == (smoke.folder / "runs" / "smoke" / model).read_bytes()


def test_an_excerpt_gives_the_runs_figures_and_the_same_bytes_twice(smoke: Kit, excerpt: Kit) -> None:
    excerpt("report", "published", "--reports", ".")
    folder = excerpt.folder / "published"
    first = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    excerpt("report", "published", "--reports", ".")
    assert first == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    ours, runs = (
        json.loads(path.read_text())["runs"][0]["cells"]
        for path in (folder / "results.json", smoke.folder / "reports" / "smoke" / "results.json")
    )
    assert [{**cell, "run": ""} for cell in ours] == [{**cell, "run": ""} for cell in runs]


def test_an_excerpt_is_judged_like_its_run(tmp_path: Path) -> None:
    write(tmp_path / "run", like_the_study)
    kit = Kit(tmp_path)
    kit("publish", "run", "published")
    for name in ("run", "published"):
        kit("report", name)
    verdicts = [
        json.loads((tmp_path / "reports" / name / "results.json").read_text())["runs"][0]["verdicts"]
        for name in ("run", "published")
    ]
    assert verdicts[0] == verdicts[1] and len(verdicts[0]) == 15


def test_what_is_damaged_or_lost_is_named(smoke: Kit, tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit("publish", str(smoke.folder / "runs" / "smoke"), "published")
    cell = tmp_path / "published" / "mobilenet_v3_small" / "s00" / "int8"
    store.write(cell / "model.tflite.gz", gzip.compress(b"another"))
    (cell / "predictions.safetensors.gz").unlink()
    said = kit("verify", "published", code=1)
    assert "int8/model.tflite has another content than the record says" in said
    assert "int8/predictions.safetensors is missing" in said
    (cell / "model.tflite.gz").write_bytes(b"no gzip")
    assert "cannot be read" in kit("verify", "published", code=1)


def test_a_file_that_was_left_out_but_lies_there_is_looked_at(smoke: Kit, tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit("publish", str(smoke.folder / "runs" / "smoke"), "published")
    (tmp_path / "published" / "mobilenet_v3_small" / "s00" / "float32" / "model.tflite").write_bytes(b"garbage")
    assert "float32/model.tflite has another content" in kit("verify", "published", code=1)
    (tmp_path / "published" / "left-out.json").write_bytes(b"{")
    assert "left-out.json is damaged" in kit("verify", "published", code=1)


def test_an_excerpt_takes_the_place_of_an_earlier_one_but_of_no_run(smoke: Kit, tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit("publish", str(smoke.folder / "runs" / "smoke"), "published")
    kept = sorted(tmp_path.rglob("*.json"))
    stray = tmp_path / "published" / "mobilenet" / "s00" / "train.json"
    shutil.copytree(tmp_path / "published" / "mobilenet_v3_small" / "s00", stray.parent)
    kit("publish", str(smoke.folder / "runs" / "smoke"), "published")
    assert sorted(tmp_path.rglob("*.json")) == kept
    shutil.copytree(smoke.folder / "runs" / "smoke", tmp_path / "runs" / "smoke")
    assert "is a run, and an excerpt would take its place" in kit("publish", "smoke", "runs/smoke", code=1)


def test_other_files_are_safe_from_an_excerpt(smoke: Kit, tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "notes.txt.gz").write_bytes(b"precious")
    said = kit("publish", str(smoke.folder / "runs" / "smoke"), "thesis", code=1)
    assert "thesis is not empty, and no excerpt" in said
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["notes.txt.gz"]


def test_a_run_without_its_files_is_not_published(smoke: Kit, tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit("publish", str(smoke.folder / "runs" / "smoke"), "published")
    (tmp_path / "published" / "mobilenet_v3_small" / "s00" / "int8" / "model.tflite.gz").unlink()
    said = kit("publish", "published", "again", code=1)
    assert "is not what its record says" in said and not (tmp_path / "again").exists()


def test_without_a_run_the_reference_models_are_measured(smoke: Kit, tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit("publish", str(smoke.folder / "runs" / "smoke"), "reports/reference")
    said = kit("bench")
    assert "1 tasks done, 0 were up to date, 0 failed" in said
    cell = tmp_path / "runs" / "reference-models" / "mobilenet_v3_small" / "s00" / "int8"
    measured = json.loads((cell / "bench.json").read_text())
    assert measured["values"]["origin"] == "host" and not (tmp_path / "data").exists()
    assert not (cell.parent / "float32" / "bench.json").exists()
    assert "0 tasks done" in kit("bench")
    assert "records hold" in kit("verify", "reference-models")
    tasks = json.loads(kit("status", "reference-models", "--json"))["tasks"]
    states = {task["task"]: task["state"] for task in tasks}
    assert states["evaluate mobilenet_v3_small/s00/int8"] == states["convert mobilenet_v3_small/s60/float32"] == "fresh"
    assert not (cell / "predictions.safetensors").exists()
    shutil.copytree(smoke.folder / "data", tmp_path / "data")  # images to compare predictions on
    kit("bench")
    assert (cell / "predictions.safetensors").is_file()
    said = kit("bench", "mobilenet_v3_small/s60/int8", "mobilenet_v3_small/s00/int8", "--interpreter", "tflite")
    assert "1 tasks done" in said and (cell / "bench-tflite.json").is_file()
    assert "did you mean int8?" in kit("bench", "mobilenet_v3_small/s00/int9", code=1)
    assert "mobilnet is not a run" in kit("bench", "mobilnet", code=1)
    (tmp_path / "runs" / "reference-models" / "left-out.json").unlink()
    assert "is a run of its own" in kit("bench", code=1)


def test_an_excerpt_is_measured_by_its_name(smoke: Kit, tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit("publish", str(smoke.folder / "runs" / "smoke"), "runs/part")
    assert "1 tasks done, 0 were up to date, 0 failed" in kit("bench", "part")
    assert (tmp_path / "runs" / "part-models" / "mobilenet_v3_small" / "s00" / "int8" / "bench.json").is_file()
    assert "0 tasks done, 1 were up to date" in kit("bench", "runs/part-models")
    said = kit("bench", "part", "mobilenet_v3_small/s60/int8", code=1)
    assert "runs/part-models has no .tflite files of these cells: `kit bench` with its name alone" in said


def test_measuring_a_partial_run_trains_nothing(smoke: Kit, tmp_path: Path) -> None:
    shutil.copytree(smoke.folder / "runs", tmp_path / "runs")
    shutil.copytree(smoke.folder / "data", tmp_path / "data")
    kit = Kit(tmp_path)
    assert "0 tasks done" in kit("bench", "smoke")
    shutil.rmtree(tmp_path / "runs" / "smoke" / "mobilenet_v3_small" / "s60" / "int8")
    assert "no .tflite files of these cells" in kit("bench", "smoke", "mobilenet_v3_small/s60/int8", code=1)
