"""The record of an evaluation, from a real run: its engine, its ties, and what another engine predicts."""

from __future__ import annotations

import json
import shutil

from kit.runs import predictions
from kit.runs.artifacts import PREDICTIONS
from kit.runs.counts import counts
from kit.runs.record import plain
from tests.conftest import Kit
from tests.report.pages import markdown

VARIANT = "mobilenet_v3_small@1/s60"


def test_the_record_names_its_engine_and_says_what_the_studys_predicts(smoke: Kit) -> None:
    cell = smoke.folder / "runs" / "smoke" / VARIANT
    found = {p: json.loads((cell / p / "evaluate.json").read_text())["values"] for p in ("float32", "int8")}
    assert found["float32"]["engine"] == {"interpreter": "litert", "delegate": "xnnpack"}
    plain = found["int8"]["engine"]["without_delegate"]
    assert plain["test"]["n"] == found["int8"]["test"]["n"] == 360
    assert 0 <= plain["differing"] < 180
    assert set(plain["test"]) == set(found["int8"]["test"])


def test_the_counts_are_those_of_the_predictions_kept(smoke: Kit) -> None:
    folder = smoke.folder / "runs" / "smoke" / VARIANT / "int8"
    kept = predictions.read(folder / PREDICTIONS)
    values = json.loads((folder / "evaluate.json").read_text())["values"]
    for split in ("test", "train"):
        assert values[split] == plain(counts(kept[split]))
    assert values["train"]["tied"] > 0, "int8 ties"


def test_verify_counts_again(smoke: Kit, kit: Kit) -> None:
    shutil.copytree(smoke.folder / "runs" / "smoke", kit.folder / "run")
    assert "records hold" in kit("verify", "run")
    path = kit.folder / "run" / VARIANT / "int8" / "evaluate.json"
    record = json.loads(path.read_text())
    record["values"]["train"]["as_studied"]["top1_correct"] += 1
    record["values"]["test"]["confusion"][0][0] += 0.5
    path.write_text(json.dumps(record))
    said = kit("verify", "run", code=1)
    assert "train as_studied is" in said and "test confusion is" in said


def test_the_report_shows_both(smoke: Kit) -> None:
    text = markdown(smoke.folder / "reports" / "smoke")
    assert "# smoke: What the engine changes in int8 predictions" in text
