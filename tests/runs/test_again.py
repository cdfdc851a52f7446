"""`kit verify RUN --against OTHER`: whether a run that was made again has the same bytes, and if not, since when."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import Kit

POINT = "mobilenet_v3_small@1/s60"


@pytest.fixture
def other(smoke: Kit, kit: Kit) -> Path:
    """Another run with the same files; `runs/smoke` is the one to compare."""
    shutil.copytree(smoke.folder / "runs" / "smoke", kit.folder / "runs" / "smoke")
    return Path(shutil.copytree(smoke.folder / "runs" / "smoke", kit.folder / "other"))


def changed(record: Path, **parts: dict[str, object]) -> None:
    """The record with other values in some of its parts."""
    content = json.loads(record.read_text())
    for name, values in parts.items():
        content[name] |= values
    record.write_text(json.dumps(content))


def test_the_same_files_are_identical(other: Path, kit: Kit) -> None:
    said = kit("verify", "smoke", "--against", "other")
    assert "all 14 records hold" in said
    assert "byte-identical to other: weights 2 of 2, models 4 of 4, predictions 4 of 4" in said and "only one" not in said


def test_a_bundle_is_compared_by_what_it_leaves_out_too(other: Path, kit: Kit) -> None:
    kit("publish", "other", "published", "--no-models")
    assert "weights 2 of 2, models 4 of 4, predictions 4 of 4" in kit("verify", "smoke", "--against", "published")


def test_a_difference_names_its_file_and_what_the_records_say_differently(other: Path, kit: Kit) -> None:
    model = {f"{POINT}/int8/model.tflite": "0" * 64}
    changed(other / POINT / "int8" / "convert.json", outputs=model, environment={"processor": "Abacus"})
    changed(other / POINT / "int8" / "evaluate.json", outputs={f"{POINT}/int8/predictions.safetensors": "0" * 64})
    said = kit("verify", "smoke", "--against", "other", code=1)
    assert "weights 2 of 2, models 3 of 4, predictions 3 of 4" in said
    assert f"{POINT}/int8/model.tflite differs: processor " in said and "and Abacus there" in said
    assert "1 other file differs because of those" in said and "predictions.safetensors differs" not in said
    assert "smoke: 2 files differ from other" in said
    found = json.loads(kit("verify", "smoke", "--against", "other", "--json", code=1).partition("\nerror")[0])["against"]
    assert list(found["different"]) == [f"{POINT}/int8/model.tflite"] and len(found["identical"]) == 8


def test_weights_of_other_settings_versions_and_images_say_so(other: Path, kit: Kit) -> None:
    changed(
        other / POINT / "prune.json",
        outputs={f"{POINT}/weights.safetensors": "0" * 64},
        settings={"batch_size": 1},
        inputs={"dataset:train": "0" * 64},
        environment={"packages": {"tensorflow": "1.0"}},
    )
    said = kit("verify", "smoke", "--against", "other", code=1)
    (line,) = (line for line in said.splitlines() if "weights.safetensors differs" in line)
    assert "batch_size " in line and "here and 1 there" in line and "other dataset, train" in line and "1.0 there" in line


def test_files_of_one_run_only_are_counted_and_runs_without_a_common_one_refused(other: Path, kit: Kit) -> None:
    shutil.rmtree(other / POINT)
    said = kit("verify", "smoke", "--against", "other")
    assert "weights 1 of 1, models 2 of 2" in said and "5 files are in only one of the two" in said
    for path in other.glob("*@*"):
        shutil.rmtree(path)
    assert "smoke and other have no file in common: name two runs" in kit("verify", "smoke", "--against", "other", code=1)
