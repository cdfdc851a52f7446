"""What decides a record of `paper` is pinned: a change makes days of training stale, so it must be meant.

Where it is, write the new settings with `python -m tests.stages.test_fingerprints`, raise the stage's version if what it
computes changed, and say so in CHANGELOG.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from kit.datasets import prepare
from kit.runs.record import fingerprint_of
from kit.stages.registry import STAGES
from kit.study import datasets
from kit.study.preset import lean, load
from kit.workflow.graph import Graph

PINNED = Path(__file__).with_name("paper-settings.json")


def settings() -> dict[str, Any]:
    """By task: the stage's version, its settings and, for trainings, the whole fingerprint."""
    paper = load("paper").with_extra()
    images = prepare.digests(datasets.get(paper.dataset))
    found = {}
    for task in Graph(paper.cells()).wanted(tuple(STAGES)):
        stage = STAGES[task.stage]
        own = stage.settings(paper, task.cell)
        found[task.name] = {"version": stage.version, "settings": own}
        if task.stage == "train":
            found[task.name]["fingerprint"] = fingerprint_of("train", stage.version, own, images)
    return msgspec.to_builtins(found)


def test_nothing_that_decides_a_record_of_paper_has_moved() -> None:
    pinned, now = msgspec.json.decode(PINNED.read_bytes()), settings()
    moved = [
        f"{task}: {key} was {pinned[task]['settings'].get(key)}, is {now[task]['settings'].get(key)}"
        for task in pinned.keys() & now.keys()
        for key in {**pinned[task]["settings"], **now[task]["settings"]}
        if pinned[task]["settings"].get(key) != now[task]["settings"].get(key)
    ]
    assert moved == []
    assert pinned == now


def test_settings_at_their_default_are_left_out() -> None:
    paper = load("paper")
    assert "mobilenet_v3_input" in lean(paper.training)
    assert not {"batch_norm_momentum", "training_ops"} & lean(paper.training).keys()
    assert {"threads", "depthwise", "training_ops"}.isdisjoint(
        key for task in settings().values() for key in task["settings"]
    )


@pytest.mark.parametrize(
    ("task", "key", "value"),
    [
        ("train mobilenet_v3_small@1/s00", "mobilenet_v3_input", "0..1"),
        ("convert mobilenet_v3_small@1/s60/float32", "mobilenet_v3_input", "0..1"),
        ("train mobilenet_v2@1/s00", "mobilenet_v3_input", None),
        ("convert mobilenet_v2@1/s60/int8", "calibration_images", 100),
        ("convert mobilenet_v2@1/s60/int8", "calibration_order", "official"),
        ("convert mobilenet_v2@1/s60/float32", "calibration_order", None),
        ("train mobilenet_v3_small_minimalistic@1/s00", "learning_rate", 1e-4),
        ("prune mobilenet_v3_small_minimalistic@1/s90", "learning_rate", 1e-5),
        ("prune mobilenet_v3_small_minimalistic@1/s90", "final_learning_rate", 1e-6),
        ("prune mobilenet_v3_small@1/s90", "learning_rate", 1e-4),
        ("prune mobilenet_v3_small@1/s90", "final_learning_rate", 1e-5),
    ],
)
def test_the_study_is_followed_to_the_letter(task: str, key: str, value: object) -> None:
    assert settings()[task]["settings"].get(key) == value


if __name__ == "__main__":
    PINNED.write_bytes(msgspec.json.format(msgspec.json.encode(settings(), order="sorted"), indent=1) + b"\n")
