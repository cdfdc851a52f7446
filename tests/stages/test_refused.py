"""A layer that nothing activates: XNNPACK refuses its int8 file, and every step uses the interpreter's own kernels."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Kit
from tests.report.pages import markdown

NETWORK = """
import tf_keras


def build(shape, classes):
    layers, low = tf_keras.layers, tf_keras.initializers.Constant(-100.0)
    image = layers.Input(shape)
    features = layers.Conv2D(8, 3, strides=2, activation="relu", name="alive")(image)
    dead = layers.Conv2D(8, 1, activation="relu", bias_initializer=low, name="dead")(features)
    pooled = layers.GlobalAveragePooling2D()(layers.Add()([features, layers.Conv2D(8, 1, name="after")(dead)]))
    return tf_keras.Model(image, layers.Dense(classes, activation="softmax", name="classes")(pooled))
"""
PRESET = """
name = "refused"
dataset = "digits"
sparsities = [0]
precisions = ["float32", "int8"]
threads = 1

[architectures.net]
build = "net:build"
input = "0..1"

[training]
epochs = 1
batch_size = 64
learning_rate = 1e-3
momentum = 0.9
patience_epochs = 1
validation_images = 100

[pruning]
batch_size = 64
learning_rate = 1e-4
final_learning_rate = 1e-5
momentum = 0.9
depthwise = false

[pruning.schedules]

[quantization]
calibration_images = 20

[audit]
worst_layers = [1]
sections = 2

[bench]
protocol = "trial"
"""


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    kit = Kit(tmp_path_factory.mktemp("refused"))
    (kit.folder / "net.py").write_text(NETWORK)
    (kit.folder / "refused.toml").write_text(PRESET)
    assert "0 failed" in kit("reproduce", "--preset", "refused.toml")
    return kit


def test_the_records_say_what_ran_it(refused: Kit) -> None:
    cell = refused.folder / "runs" / "refused" / "net@1" / "s00"
    engine = {p: json.loads((cell / p / "evaluate.json").read_text())["values"]["engine"] for p in ("float32", "int8")}
    assert engine["float32"] == {"interpreter": "litert", "delegate": "xnnpack"}
    assert engine["int8"] == {"interpreter": "litert", "delegate": "none"}
    audit = json.loads((cell / "int8" / "audit.json").read_text())["values"]
    assert [layer["step"] < 1e-6 for layer in audit["layers"]].count(True), "a layer with an empty range"
    assert audit["int8"]["n"] == audit["float32"]["n"] == 360
    (bench,) = (cell / "int8").glob("bench*.json")
    samples = json.loads(bench.read_text())["values"]["samples"]
    assert all(sample["delegated_nodes"] == 0 < sample["nodes"] for sample in samples)


def test_the_report_names_it(refused: Kit) -> None:
    rows = [line for line in markdown(refused.folder / "reports" / "refused").splitlines() if "XNNPACK refuses it" in line]
    assert len(rows) == 1 and "net@1/s00/int8" in rows[0]


def test_it_can_be_taken_away(refused: Kit) -> None:
    Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(refused.folder / "grey.png")
    assert "grey.png" in refused("predict", "runs/refused/net@1/s00/int8", "grey.png")
    refused("export", "refused", "net/s00/int8", "--to", "away")
    (program,) = Path(refused.folder / "away").rglob("classify.py")
    said = subprocess.run([sys.executable, program, refused.folder / "grey.png"], check=True, capture_output=True, text=True)
    assert "grey.png: " in said.stdout
