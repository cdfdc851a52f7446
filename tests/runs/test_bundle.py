"""`kit publish`: a bundle of a run can be verified and reported, and does not hide what it lacks."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kit import store
from kit.analysis.results import results
from kit.errors import KitError
from kit.runs import bundle, looks, predictions
from kit.runs.artifacts import PREDICTIONS, TEST_PREDICTIONS
from kit.runs.run import NotARunError, open_run
from tests.conftest import Kit
from tests.made_up import like_the_study, make

BENCH = "bench.local-litert-xnnpack-t1-trial.json"
TRIAL = ("--protocol", "trial")


OLD = Path(__file__).parents[1] / "old_run"


@pytest.fixture(scope="module")
def bundled(smoke: Kit, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    made = Kit(tmp_path_factory.mktemp("bundle"))
    said = made("publish", str(smoke.folder / "runs" / "smoke"), "published")
    assert "written: " in said
    return made


def test_a_bundle_holds_what_its_records_say(smoke: Kit, bundled: Kit) -> None:
    folder = bundled.folder / "published"
    said = bundled("verify", "published")
    assert (
        "all 14 records hold" in said and "5 files that they name are not part of this bundle, so not checked; nor" in said
    )
    packed = {path.relative_to(folder).as_posix() for path in folder.rglob("*.gz")}
    assert "mobilenet_v3_small@1/s00/int8/model.tflite.gz" in packed
    assert "mobilenet_v3_small@1/s00/float32/model.tflite.gz" not in packed
    model = "mobilenet_v3_small@1/s00/int8/model.tflite"
    assert gzip.decompress((folder / f"{model}.gz").read_bytes()) == (smoke.folder / "runs" / "smoke" / model).read_bytes()
    cell = smoke.folder / "runs" / "smoke" / "mobilenet_v3_small@1" / "s60" / "float32"
    part = folder / cell.relative_to(smoke.folder / "runs" / "smoke") / TEST_PREDICTIONS
    (name, kept), *others = predictions.read(part).items()
    assert name == "test" and not others and not store.is_there(part.with_name(PREDICTIONS))
    assert np.array_equal(kept.true_probability, predictions.read(cell / PREDICTIONS)["test"].true_probability)


def test_a_bundle_of_a_bundle_is_the_same(bundled: Kit) -> None:
    bundled("publish", "published", "again")
    first, second = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (bundled.folder / "published", bundled.folder / "again")
    )
    assert second == {path: content for path, content in first.items() if path in second}
    assert {path for path in first.keys() - second.keys() if path.suffix == ".gz"} == set()


def test_a_bundle_gives_the_runs_figures_and_is_byte_identical_twice(smoke: Kit, bundled: Kit) -> None:
    bundled("report", "published", "--reports", ".")
    folder = bundled.folder / "published"
    first = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    bundled("report", "published", "--reports", ".")
    assert first == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    ours, runs = (
        json.loads(path.read_text())["runs"][0]["cells"]
        for path in (folder / "results.json", smoke.folder / "reports" / "smoke" / "results.json")
    )
    assert [{**cell, "run": ""} for cell in ours] == [{**cell, "run": ""} for cell in runs]


def test_a_bundle_is_judged_like_its_run(tmp_path: Path) -> None:
    make(tmp_path / "run", like_the_study)
    kit = Kit(tmp_path)
    kit("publish", "run", "published")
    for name in ("run", "published"):
        kit("report", name)
    verdicts = [
        json.loads((tmp_path / "reports" / name / "results.json").read_text())["runs"][0]["verdicts"]
        for name in ("run", "published")
    ]
    assert verdicts[0] == verdicts[1] and len(verdicts[0]) == 30


def test_a_bundle_whose_folders_lead_out_of_it_is_refused(smoke: Kit, tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit("publish", str(smoke.folder / "runs" / "smoke"), "published")
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "own.md").write_text("kept")
    (tmp_path / "published" / "inside").symlink_to("mobilenet_v3_small@1")
    (tmp_path / "published" / "details").symlink_to(notes)
    for command in (("report", "published", "--reports", "."), ("verify", "published"), ("status", "published")):
        said = kit(*command, code=1)
        assert said == f"error: published/details leads out of its run, to {notes}: put a folder in the place of the link\n"
    assert [path.name for path in notes.iterdir()] == ["own.md"]
    (tmp_path / "published" / "details").unlink()
    kit("report", "published", "--reports", ".")


def test_predictions_of_fewer_images_are_one_line(tmp_path: Path) -> None:
    make(tmp_path / "run", lambda cell: like_the_study(cell) if cell.architecture == "mobilenet" else None)
    kit = Kit(tmp_path)
    kit("publish", "run", "published")
    (tmp_path / "published" / "parts.json").unlink()  # as of an earlier kit: no hash of them is known
    part = tmp_path / "published" / "mobilenet@1" / "s60" / "int8" / TEST_PREDICTIONS
    fewer = predictions.keep(np.eye(10, dtype=np.float32)[:3], np.arange(3))
    store.write(part.with_name(f"{part.name}.gz"), gzip.compress(predictions.encode({"test": fewer})))
    said = kit("report", "published", code=1)
    assert "is of 3 images, its record of 10,000: `kit reproduce`" in said and "Traceback" not in said


def test_what_is_damaged_or_lost_is_named(smoke: Kit, tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit("publish", str(smoke.folder / "runs" / "smoke"), "published")
    cell = tmp_path / "published" / "mobilenet_v3_small@1" / "s00" / "int8"
    store.write(cell / "model.tflite.gz", gzip.compress(b"another"))
    whole = predictions.read(smoke.folder / "runs" / "smoke" / "mobilenet_v3_small@1" / "s00" / "int8" / PREDICTIONS)
    (cell / f"{TEST_PREDICTIONS}.gz").unlink()
    said = kit("verify", "published", code=1)
    assert "int8/model.tflite does not match its SHA-256 in the record" in said
    assert "int8/predictions-test.safetensors is missing" in said
    store.write(cell / f"{TEST_PREDICTIONS}.gz", gzip.compress(predictions.encode({"test": whole["train"]})))
    said = kit("verify", "published", code=1)
    assert "int8/predictions-test.safetensors does not match its SHA-256 in parts.json" in said
    (cell / "model.tflite.gz").write_bytes(b"no gzip")
    assert "cannot be read" in kit("verify", "published", code=1)


def test_other_predictions_than_the_listed_ones_are_left_out_of_a_report(tmp_path: Path) -> None:
    make(tmp_path / "run", lambda cell: like_the_study(cell) if cell.architecture == "mobilenet" else None)
    Kit(tmp_path)("publish", "run", "published")
    whole, other = (
        tmp_path / "published" / "mobilenet@1" / s / "float32" / f"{TEST_PREDICTIONS}.gz" for s in ("s00", "s30")
    )
    whole.write_bytes(other.read_bytes())
    stale = {name: why for one in results(open_run(tmp_path / "published")) for name, why in one.stale.items()}
    assert list(stale) == ["evaluate mobilenet@1/s00/float32"]
    assert "is another file now" in stale["evaluate mobilenet@1/s00/float32"]


def test_a_file_that_was_left_out_but_lies_there_is_looked_at(smoke: Kit, tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit("publish", str(smoke.folder / "runs" / "smoke"), "published")
    (tmp_path / "published" / "mobilenet_v3_small@1" / "s00" / "float32" / "model.tflite").write_bytes(b"garbage")
    assert "float32/model.tflite does not match its SHA-256" in kit("verify", "published", code=1)
    (tmp_path / "published" / "left-out.json").write_bytes(b"{")
    assert "left-out.json is damaged" in kit("verify", "published", code=1)


def test_a_bundle_takes_the_place_of_an_earlier_one_but_of_no_run(smoke: Kit, tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit("publish", str(smoke.folder / "runs" / "smoke"), "published")
    kept = sorted(tmp_path.rglob("*.json"))
    stray = tmp_path / "published" / "mobilenet@1" / "s00" / "train.json"
    shutil.copytree(tmp_path / "published" / "mobilenet_v3_small@1" / "s00", stray.parent)
    kit("publish", str(smoke.folder / "runs" / "smoke"), "published")
    assert sorted(tmp_path.rglob("*.json")) == kept
    shutil.copytree(smoke.folder / "runs" / "smoke", tmp_path / "runs" / "smoke")
    assert "is a run, and a bundle would overwrite it" in kit("publish", "smoke", "runs/smoke", code=1)


class Killed(BaseException):
    """As by SIGKILL: nothing catches it."""


def killed_at(count: int, monkeypatch: pytest.MonkeyPatch, call: Callable[[], object]) -> bool:
    """Whether `call` was killed, while it wrote the file with this number: its half is left."""
    write, left = store.write, iter(range(count))

    def dying(path: Path, content: bytes) -> None:
        if next(left, None) is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(f".{path.name}.1.partial").write_bytes(content[:9])
            raise Killed
        write(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(store, "write", dying)
        try:
            call()
        except Killed:
            return True
    return False


def content_of(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_killed_publish_is_no_run_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, whole, folder = open_run(OLD), tmp_path / "whole", tmp_path / "killed"
    count = len(bundle.make(run, whole, lambda name: False))
    for number in range(count):
        assert killed_at(number, monkeypatch, lambda: bundle.make(run, folder, lambda name: False))
        with pytest.raises(NotARunError):
            open_run(folder)
    (folder / "README.md").write_text("the publisher's own")
    looks.keep(folder, looks.planned(("overfitting",), 6))  # of an earlier bundle
    bundle.make(run, folder, lambda name: False)
    assert content_of(folder) == content_of(whole) | {Path("README.md"): b"the publisher's own"}
    assert killed_at(1, monkeypatch, lambda: bundle.make(run, folder, lambda name: False))
    assert not (folder / "preset.json").exists() and (folder / "README.md").is_file()


def test_a_killed_unpacking_resumes_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(OLD, tmp_path / "bundle")
    plan = looks.keep(tmp_path / "bundle", looks.planned(("overfitting",), 6))
    run, folder = open_run(tmp_path / "bundle"), tmp_path / "models"
    for number in (0, 1, 5):
        assert killed_at(number, monkeypatch, lambda: bundle.unpack(run, folder, lambda name: False))
        assert bundle.unpacked_place(run, folder) == folder and not (folder / "preset.json").exists()
    bundle.unpack(run, folder, lambda name: False)
    assert looks.read(folder) == plan and bundle.left_out(open_run(folder)) == bundle.left_out(run)


def test_a_bundle_does_not_overwrite_itself(tmp_path: Path) -> None:
    shutil.copytree(OLD, tmp_path / "bundle")
    with pytest.raises(KitError, match="is a run, and a bundle would overwrite it"):
        bundle.make(open_run(tmp_path / "bundle"), tmp_path / "bundle", lambda name: False)


def test_a_bundle_of_a_bundle_needs_what_that_leaves_out(tmp_path: Path) -> None:
    bundle.make(open_run(OLD), tmp_path / "bundle", lambda name: False)
    with pytest.raises(KitError, match=r"bundle is a bundle already, without .*: publish the run that it is of"):
        bundle.make(open_run(tmp_path / "bundle"), tmp_path / "again", lambda name: True)


@pytest.mark.parametrize("lead", ["../outside/", "{}/outside/"])
def test_a_record_that_names_a_file_outside_is_not_published(smoke: Kit, tmp_path: Path, lead: str) -> None:
    kit = Kit(tmp_path)
    shutil.copytree(smoke.folder / "runs" / "smoke", tmp_path / "run")
    path = tmp_path / "run" / "mobilenet_v3_small@1" / "s00" / "int8" / "evaluate.json"
    record = json.loads(path.read_text())
    (content,) = record["outputs"].values()
    (tmp_path / "outside").mkdir()
    shutil.copy(path.with_name(PREDICTIONS), tmp_path / "outside")
    path.write_text(json.dumps(record | {"outputs": {f"{lead.format(tmp_path)}{PREDICTIONS}": content}}))
    assert "evaluate.json names" in kit("publish", "run", "below/published", code=1)
    assert "evaluate.json names" in kit("verify", "run", code=1)
    assert [one.name for one in (tmp_path / "outside").iterdir()] == [PREDICTIONS] and not (tmp_path / "below").exists()


def test_other_files_are_safe_from_a_bundle(smoke: Kit, tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "notes.txt.gz").write_bytes(b"precious")
    said = kit("publish", str(smoke.folder / "runs" / "smoke"), "thesis", code=1)
    assert "thesis is neither empty nor a bundle" in said
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["notes.txt.gz"]


def test_a_run_without_its_files_is_not_published(smoke: Kit, tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit("publish", str(smoke.folder / "runs" / "smoke"), "published")
    (tmp_path / "published" / "mobilenet_v3_small@1" / "s00" / "int8" / "model.tflite.gz").unlink()
    said = kit("publish", "published", "again", code=1)
    assert "does not match its record" in said and not (tmp_path / "again").exists()


def test_without_a_run_the_reference_models_are_measured(smoke: Kit, tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit("publish", str(smoke.folder / "runs" / "smoke"), "reports/reference")
    said = kit("bench", *TRIAL)
    assert "1 measured, 0 were up to date, 0 failed" in said
    cell = tmp_path / "runs" / "reference-models" / "mobilenet_v3_small@1" / "s00" / "int8"
    measured = json.loads((cell / BENCH).read_text())
    assert measured["values"]["origin"] == "local" and not (tmp_path / "data").exists()
    assert not (cell.parent / "float32" / BENCH).exists()
    assert "0 measured" in kit("bench", *TRIAL) and "0 measured, 1 were" in kit("bench", "*/s00", *TRIAL)
    assert "records hold" in kit("verify", "reference-models")
    tasks = json.loads(kit("status", "reference-models", "--json"))["tasks"]
    states = {task["task"]: task["state"] for task in tasks}
    assert states["evaluate mobilenet_v3_small@1/s00/int8"] == states["convert mobilenet_v3_small@1/s60/float32"] == "fresh"
    assert not (cell / TEST_PREDICTIONS).exists()
    shutil.copytree(smoke.folder / "data", tmp_path / "data")  # images to compare predictions on
    kit("bench", *TRIAL)
    assert (cell / TEST_PREDICTIONS).is_file()
    said = kit("bench", "mobilenet_v3_small@1/s60/int8", "mobilenet_v3_small@1/s00/int8", *TRIAL, "--interpreter", "tflite")
    assert "1 measured" in said and (cell / BENCH.replace("litert", "tflite")).is_file()
    assert "did you mean int8?" in kit("bench", "mobilenet_v3_small@1/s00/int9", code=1)
    assert "unknown run or cell 'mobilnet': did you mean mobilenet?" in kit("bench", "mobilnet", code=1)
    (tmp_path / "runs" / "reference-models" / "left-out.json").unlink()
    assert "is a run already" in kit("bench", code=1)


def test_a_bundle_is_measured_by_its_name(smoke: Kit, tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit("publish", str(smoke.folder / "runs" / "smoke"), "runs/part")
    assert "1 measured, 0 were up to date, 0 failed" in kit("bench", "part", *TRIAL)
    assert (tmp_path / "runs" / "part-models" / "mobilenet_v3_small@1" / "s00" / "int8" / BENCH).is_file()
    assert "0 measured, 1 were up to date" in kit("bench", "runs/part-models", *TRIAL)
    said = kit("bench", "part", "mobilenet_v3_small@1/s60/int8", code=1)
    assert "runs/part-models has no .tflite files of these cells: it has mobilenet_v3_small@1/s00/int8" in said


def test_a_bundle_without_models_holds_and_says_how_to_make_some(smoke: Kit, tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit("publish", str(smoke.folder / "runs" / "smoke"), "small", "--no-models")
    assert not list(tmp_path.rglob("*.tflite*"))
    assert "all 14 records hold" in kit("verify", "small") and "written: " in kit("report", "small")
    said = kit("bench", "small", code=1)
    assert "small is a bundle without .tflite files: `kit reproduce --preset smoke` makes the whole run again" in said


def test_measuring_a_partial_run_trains_nothing(smoke: Kit, tmp_path: Path) -> None:
    shutil.copytree(smoke.folder / "runs", tmp_path / "runs")
    shutil.copytree(smoke.folder / "data", tmp_path / "data")
    kit = Kit(tmp_path)
    assert "0 measured, 4 were up to date" in kit("bench", "smoke", *TRIAL)
    shutil.rmtree(tmp_path / "runs" / "smoke" / "mobilenet_v3_small@1" / "s60" / "int8")
    assert "no .tflite files of these cells" in kit("bench", "smoke", "mobilenet_v3_small@1/s60/int8", code=1)
