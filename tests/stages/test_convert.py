"""Which images int8 is calibrated on: the first in the official order where that is known and wanted."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from kit.datasets import prepare
from kit.datasets.prepare import location
from tests.conftest import Kit

CELL = "mobilenet_v3_small@1/s60/int8"


@pytest.fixture
def asking(smoke: Kit, kit: Kit) -> Kit:
    """A copy of the smoke run whose preset asks for the official order."""
    run = kit.folder / "runs" / "smoke"
    shutil.copytree(smoke.folder / "runs" / "smoke", run)
    preset = json.loads((run / "preset.json").read_text())
    preset["quantization"]["calibration_order"] = "official"
    (run / "preset.json").write_text(json.dumps(preset))
    kit("data", "digits")
    return kit


def test_the_record_says_which_images_calibrated(asking: Kit) -> None:
    folder = asking.folder / "runs" / "smoke" / CELL
    before, model = json.loads((folder / "convert.json").read_text()), (folder / "model.tflite").read_bytes()
    assert before["values"]["calibration"]["order"] == "canonical"
    assert "calibration_order" not in before["settings"]
    assert "official order" not in asking("compress", "smoke", CELL)
    made = json.loads((folder / "convert.json").read_text())
    data = prepare.load(asking.folder / "data", "digits")
    assert data.official is not None
    first = data.train.taken(data.official[data.official >= 237][:100]).images
    assert made["settings"]["calibration_order"] == made["values"]["calibration"]["order"] == "official"
    assert made["values"]["calibration"]["sha256"] == hashlib.sha256(np.ascontiguousarray(first).tobytes()).hexdigest()
    assert made["fingerprint"] != before["fingerprint"] and (folder / "model.tflite").read_bytes() != model


def test_where_the_order_is_unknown_the_canonical_one_is_used_and_said(asking: Kit) -> None:
    run, images = asking.folder / "runs" / "smoke", location(asking.folder / "data", "digits")
    before = (run / CELL / "convert.json").read_bytes()
    save_file({name: tensor for name, tensor in load_file(images).items() if name != "train_official_order"}, images)
    assert "their official order is unknown" in asking("data", "digits")
    said = asking("compress", "smoke", CELL)
    assert "official order of the images unknown: int8 is calibrated on the first in canonical order instead" in said
    assert "0 tasks done, 3 were up to date" in said
    assert (run / CELL / "convert.json").read_bytes() == before
    assert json.loads((run / "preset.json").read_text())["quantization"]["calibration_order"] == "canonical"
