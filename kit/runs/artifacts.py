"""The files of a run: each name is defined here, once."""

from __future__ import annotations

from msgspec import Struct

from kit.study.grid import Cell

PRESET = "preset.json"
WEIGHTS = "weights.safetensors"
CHECKPOINT = "checkpoint.safetensors"
MODEL = "model.tflite"
PREDICTIONS = "predictions.safetensors"
TEST_PREDICTIONS = "predictions-test.safetensors"  # what a bundle keeps of them


class Artifact(Struct, frozen=True):
    """A file that a stage writes for a cell or a variant, and that later stages read."""

    cell: Cell
    file: str
