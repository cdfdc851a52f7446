"""`kit export`: what is taken away works alone, and says the same as the kit does."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from kit.analysis.results import results
from kit.datasets.prepare import load
from kit.deploy import card, inside, metadata
from kit.deploy.export import export
from kit.errors import KitError
from kit.runs.run import open_run
from kit.study.grid import named
from tests.conftest import Kit

CELL = "mobilenet_v3_small@1/s60/int8"
NAME = "mobilenet_v3_small-seed1-s60-int8"
REFERENCE = Path(__file__).parents[2] / "reports" / "reference"


@pytest.fixture(scope="module")
def exported(smoke: Kit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one cell."""
    target = tmp_path_factory.mktemp("exported")
    smoke("export", "smoke", CELL, "--to", str(target), "--author", 'A "B" C', "--license", "apache-2.0")
    return target / NAME


@pytest.fixture(scope="module")
def pictures(smoke: Kit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Test images in all forms that pictures come in."""
    folder = tmp_path_factory.mktemp("pictures")
    images = [Image.fromarray(image) for image in load(smoke.folder / "data", "digits").test.images[:10]]
    turned = Image.Exif()
    turned[0x0112] = 6  # orientation: turn right by 90 degrees
    images[0].save(folder / "0.png")
    images[1].convert("L").save(folder / "1.png")
    images[2].resize((300, 200)).save(folder / "2.jpg", quality=95)
    images[3].rotate(90).save(folder / "3.jpg", exif=turned)
    images[4].convert("P").save(folder / "4.png")
    images[5].convert("RGBA").save(folder / "5.webp", lossless=True)
    Image.fromarray(np.asarray(images[6].convert("L")).astype(np.uint16) * 257).save(folder / "6.png")
    images[7].convert("1").save(folder / "7.png")
    images[8].resize((2000, 1500)).save(folder / "8.jpeg")
    images[9].convert("LA").save(folder / "9.PNG")
    return folder


def classified(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, folder / "classify.py", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=folder.parent)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_the_program_alone_says_what_the_kit_says(smoke: Kit, pictures: Path, tmp_path: Path, precision: str) -> None:
    smoke("export", "smoke", CELL.replace("int8", precision), "--to", str(tmp_path))
    (folder,) = tmp_path.iterdir()
    alone = classified(folder, pictures)
    assert alone.returncode == 0, alone.stderr
    assert smoke("predict", str(folder), str(pictures), "--interpreter", "tflite") == alone.stdout
    assert len(alone.stdout.splitlines()) == 10


def test_the_program_is_short_and_needs_no_kit() -> None:
    source = Path(metadata.__file__).with_name("classify.py").read_text()
    assert len(source.splitlines()) <= 60
    nodes = list(ast.walk(ast.parse(source)))
    found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    found |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in found} == {
        "sys",
        "pathlib",
        "numpy",
        "PIL",
        "tflite_runtime",
        "ai_edge_litert",
    }


def test_a_picture_that_cannot_be_read_does_not_stop_the_others(exported: Path, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    (tmp_path / "._b.png").write_text("hidden")
    shutil.copy(pictures / "0.png", tmp_path / "b.png")
    done = classified(exported, tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"{tmp_path / 'a.png'}: cannot be read" in done.stderr and done.stdout.startswith(f"{tmp_path / 'b.png'}: ")
    assert len(done.stdout.splitlines()) == 1 and "._b.png" not in done.stderr


def test_any_file_name_and_no_ordinary_file(exported: Path, pictures: Path, tmp_path: Path) -> None:
    shutil.copy(pictures / "0.png", tmp_path / os.fsdecode(b"caf\xe9.png"))
    os.mkfifo(tmp_path / "pipe.png")
    done = classified(exported, tmp_path)
    assert done.stdout.startswith(f"{tmp_path}/caf\ufffd.png: ") and len(done.stdout.splitlines()) == 1
    assert done.stderr.splitlines()[-1] == f"{tmp_path}/pipe.png: cannot be read: it is no ordinary file"


def test_without_pictures_the_program_says_how_it_is_used(exported: Path) -> None:
    done = classified(exported)
    assert done.returncode == 1 and "python3 classify.py PICTURE..." in done.stderr


def test_a_model_that_predicts_something_else_with_metadata_is_not_written(
    smoke: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, cell = open_run(smoke.folder / "runs" / "smoke"), named(CELL)
    other = run.path(named("mobilenet_v3_small@1/s00/int8"), "model.tflite").read_bytes()
    monkeypatch.setattr(metadata, "add", lambda model, about: other)
    with pytest.raises(KitError, match=r"with metadata, .* predicts something else"):
        list(export(run, {cell: run.path(cell, "model.tflite")}, tmp_path / "to", card.Signed()))
    assert not (tmp_path / "to").exists()


def test_the_model_describes_itself(exported: Path, smoke: Kit) -> None:
    about = inside.read(exported / "model.tflite")
    assert about and about.labels == tuple("0123456789") and (about.scale, about.offset) == ((1.0,), (0.0,))
    assert about.author == 'A "B" C' and about.licence == "apache-2.0" and about.name == "MobileNetV3 Small, 60 %, int8"
    assert (exported / "labels.txt").read_text().split() == list("0123456789")


def test_cell_folder_and_file_are_one_model(exported: Path, smoke: Kit, pictures: Path) -> None:
    one, *others = (
        smoke("predict", name, str(pictures), "--json")
        for name in (str(exported), f"smoke/{CELL}", f"runs/smoke/{CELL}/model.tflite", str(exported / "model.tflite"))
    )
    assert len(json.loads(one)) == 10 and all(other == one for other in others)


def test_the_card_says_what_the_records_say(exported: Path, smoke: Kit) -> None:
    card = (exported / "README.md").read_text()
    _, head, body = card.split("---\n", 2)
    fields = dict(re.findall(r"^(\w[\w-]*): (.+)$", head, re.MULTILINE))
    assert json.loads(fields["license"]) == "apache-2.0" and fields["pipeline_tag"] == "image-classification"
    values = {stage: record(smoke, CELL, stage)["values"] for stage in ("evaluate", "convert")}
    confusion = values["evaluate"]["test"]["confusion"]
    top1 = sum(row[index] for index, row in enumerate(confusion)) / 360
    assert f"value: {top1:.6f}" in head and f"Top-1 {top1:.4f} [" in body
    rows = re.findall(r"^\| (\d) \| (\d+) \| ([\d.]+) \[", body, re.MULTILINE)
    assert [int(n) for _, n, _ in rows] == [round(sum(row)) for row in confusion]
    assert [float(share) for *_, share in rows] == pytest.approx(
        [row[index] / sum(row) for index, row in enumerate(confusion)], abs=1e-4
    )
    assert f"{values['convert']['size_bytes']:,}" in body
    assert f"kit reproduce --preset smoke {CELL}" in body and 'A "B" C' in body


def test_a_card_of_many_classes_shows_the_worst_whatever_they_are_called(smoke: Kit) -> None:
    run = open_run(smoke.folder / "runs" / "smoke")
    (result,) = results(run, [named(CELL)])
    facts = card.facts(run, result, (32, 32, 3), ("uint8", "uint8"), "0" * 64)
    names = ("a | b", "<script>", 'c "d"', *(f"class {index}" for index in range(147)))
    confusion = tuple(
        tuple(4.0 * (row == column and row > 1) + (row != column) for column in range(150)) for row in range(150)
    )
    counts = replace(facts.counts, confusion=confusion) if facts.counts else None
    many = replace(facts, data=replace(facts.data, classes=names, label="x: y # z"), counts=counts)
    text = card.text(many, card.Signed("A\nB", "mit"))
    assert "The 20 worst classes:" in text and text.count("| 149 |") == 2 and text.count("| 153 |") == 18
    assert "| a \\| b | 149 | 0.0000 [" in text and "| &lt;script> | 149 |" in text
    assert '"x: y # z"' in text.split("---\n")[1] and "from 0 to 255 become 0 to 255 before they are quantized" in text


def test_a_bundle_is_exported_with_all_that_its_records_say(kit: Kit) -> None:
    kit("export", str(REFERENCE), "mobilenet_v2@1/s00/int8")
    folder = kit.folder / "exported" / "mobilenet_v2-seed1-s00-int8"
    text = (folder / "README.md").read_text()
    assert "| airplane | 1,000 |" in text
    assert "| AMD EPYC (family 26, model 2), AVX-512 (a PC) | litert, delegate xnnpack" in text
    assert "stand-in" not in text, "what was emulated says nothing about a device"
    about = inside.read(folder / "model.tflite")
    assert about and about.labels[0] == "airplane" and about.scale == pytest.approx([1 / 127.5]) and about.offset == (-1.0,)
    assert "SCALE, OFFSET = 0.00784313725490196, -1.0" in (folder / "classify.py").read_text()


def record(smoke: Kit, cell: str, stage: str) -> dict[str, Any]:
    return dict(json.loads((smoke.folder / "runs" / "smoke" / cell / f"{stage}.json").read_bytes()))


def test_what_does_not_belong_to_its_run_is_not_taken_away(smoke: Kit, kit: Kit) -> None:
    shutil.copytree(smoke.folder / "runs", kit.folder / "runs")
    preset = kit.folder / "runs" / "smoke" / "preset.json"
    preset.write_text(preset.read_text().replace('"epochs": 12', '"epochs": 13'))
    said = kit("export", "smoke", CELL, code=1)
    assert "is stale" in said and "Traceback" not in said and not (kit.folder / "exported" / NAME).exists()


def test_a_file_is_no_run(kit: Kit, tiny: Path) -> None:
    assert "is not a run" in kit("export", str(tiny), code=1)
