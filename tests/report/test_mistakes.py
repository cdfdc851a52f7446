"""What a cell gets wrong: the page's matrix and flipping images are those of the predictions."""

from __future__ import annotations

import base64
import re
import zlib
from pathlib import Path

import numpy as np

from kit.analysis.flips import confusions, flips
from kit.analysis.material import gather
from kit.analysis.summary import join
from kit.report.language import language
from kit.report.render import pages
from kit.runs.artifacts import PREDICTIONS
from kit.runs.predictions import answers, read
from kit.study.grid import Cell, Point
from tests.made_up import IMAGES, make
from tests.report.test_seeds import only_mobilenet

POINT = Point("mobilenet", 60, "int8")


def test_flips_are_those_of_the_predictions(tmp_path: Path) -> None:
    run = make(tmp_path, only_mobilenet, seeds=(1, 2))
    material = gather(run, *join(run.by_seed()).runs)
    found, confusion = flips(material)[POINT], np.array(confusions(material)[POINT])
    told, float32 = (
        [read(run.path(Cell("mobilenet", seed, 60, precision), PREDICTIONS))["test"] for seed in (1, 2)]
        for precision in ("int8", "float32")
    )
    differ = np.array([answers(a) != answers(b) for a, b in zip(told, float32, strict=True)])
    right = np.array([[(answers(one) == one.label).sum() for one in side] for side in (float32, told)])
    assert found.flipped == differ.sum() / 2 > 0 and (found.trainings, found.images) == (2, IMAGES)
    assert found.gained - found.lost == (right[1] - right[0]).mean()
    assert [flip.trainings for flip in found.most] == sorted(differ.sum(axis=0))[::-1][: len(found.most)]
    assert confusion.trace() == right[1].mean() and confusion.sum() == IMAGES


def test_thumbnails_are_the_images(tmp_path: Path) -> None:
    run = make(tmp_path / "run", only_mobilenet)
    images = np.random.default_rng(1).integers(0, 256, (IMAGES, 32, 32, 3), np.uint8)
    made = pages([run], join([run]), tmp_path, language("en"), {"cifar10": images})
    page = made[tmp_path / "report.html"].decode()
    shown = re.search(r'<img src="data:image/png;base64,([^"]+)" alt="" width="64" height="64">(\d+)', page)
    assert shown
    png = base64.b64decode(shown[1])
    start = png.index(b"IDAT") + 4
    rows = np.frombuffer(zlib.decompress(png[start : png.index(b"IEND") - 8]), np.uint8).reshape(32, 1 + 32 * 3)
    assert (rows[:, 1:].reshape(32, 32, 3) == images[int(shown[2])]).all()
    without = pages([run], join([run]), tmp_path, language("en"))[tmp_path / "report.html"].decode()
    assert '<img src="data:' not in without and "kit report run --images" in without
