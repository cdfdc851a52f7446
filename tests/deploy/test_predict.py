"""`kit predict`: the classes of pictures, by models of this kit and of others; whatever the pictures are."""

from __future__ import annotations

import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Kit

REFERENCE = Path(__file__).parents[2] / "reports" / "reference"


@pytest.fixture
def pictures(kit: Kit) -> Path:
    """Two pictures in a folder."""
    folder = kit.folder / "pictures"
    folder.mkdir()
    generator = np.random.default_rng(2)
    for name in ("a.png", "b.jpg"):
        Image.fromarray(generator.integers(0, 256, (40, 30, 3), np.uint8)).save(folder / name)
    return folder


def png(width: int, height: int, content: bytes) -> bytes:
    """A PNG file that claims to be of this size."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(content)),
        (b"IEND", b""),
    ]
    packed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def test_hostile_pictures_are_a_line_each(kit: Kit, pictures: Path, tiny: Path) -> None:
    whole = (pictures / "a.png").read_bytes()
    hostile = {
        "bomb.png": png(60_000, 60_000, bytes(1000)),
        "empty.png": b"",
        "text.jpg": b"no picture",
        "torn.png": whole[: len(whole) // 2],
        "torn.jpg": (pictures / "b.jpg").read_bytes()[:300],
        "svg.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "wrong.webp": b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(40),
    }
    for name, content in hostile.items():
        (pictures / name).write_bytes(content)
    (pictures / "._a.png").write_bytes(b"hidden")
    os.mkfifo(pictures / "pipe.png")
    (pictures / "folder.png").mkdir()
    said = kit("predict", str(tiny), "pictures", "missing.png", "--input-range", "0,1", code=1).splitlines()
    wrong = [line for line in said if line.startswith("error: ")]
    assert [line.partition(": ")[0] for line in said if line not in wrong] == ["pictures/a.png", "pictures/b.jpg"]
    named = {line.split(": ")[1] for line in wrong[:-1]}
    assert named == {f"pictures/{name}" for name in (*hostile, "pipe.png", "folder.png")} | {"missing.png"}
    assert wrong[-1].startswith("error: 10 of 12 pictures could not be read")
    assert len(said) == 13


def test_one_picture_is_not_counted(kit: Kit, tiny: Path) -> None:
    said = kit("predict", str(tiny), "missing.png", "--input-range", "0,1", code=1)
    assert said.endswith("error: the picture could not be read: see above\n")


def test_a_model_that_says_nothing_of_its_input_needs_to_be_told(kit: Kit, pictures: Path, tiny: Path) -> None:
    assert "--input-range -1,1" in kit("predict", str(tiny), "pictures", code=1)
    assert "is no range" in kit("predict", str(tiny), "pictures", "--input-range", "1,1", code=1)
    (kit.folder / "names.txt").write_text("\n".join("abcdefghij"))
    options = ("--input-range=-1,1", "--labels", "names.txt", "--top", "10", "--json")
    found = json.loads(kit("predict", str(tiny), "pictures", *options))
    assert [one["picture"] for one in found] == ["pictures/a.png", "pictures/b.jpg"]
    for one in found:
        assert sorted(entry["label"] for entry in one["classes"]) == list("abcdefghij")
        shares = [entry["probability"] for entry in one["classes"]]
        assert shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(1, abs=1e-4)


def test_a_packed_cell_predicts_and_needs_no_seed_where_there_is_one(kit: Kit, pictures: Path) -> None:
    names = ("mobilenet_v2@1/s00/int8", "mobilenet_v2/s00/int8", "mobilenet_v2@1/s00/int8/model.tflite.gz")
    one, *others = (kit("predict", str(REFERENCE / name), "pictures") for name in names)
    assert one.startswith("pictures/a.png: ") and all(other == one for other in others)
    assert "has no .tflite file of mobilenet_v2@1/s30/int8" in kit(
        "predict", str(REFERENCE / "mobilenet_v2/s30/int8"), "pictures", code=1
    )
    several = str(REFERENCE.parent / "seeds" / "mobilenet" / "s00" / "int8")
    assert "is of several seeds (@2, @3): name one, such as mobilenet@2/s00/int8" in kit(
        "predict", several, "pictures", code=1
    )


def test_labels_that_do_not_fit_are_refused(kit: Kit, pictures: Path, tiny: Path) -> None:
    for name, content, wrong in (
        ("few.txt", b"a\nb\n", "has 10 classes, but 2 labels"),
        ("none.txt", b"\n\n", "has no labels"),
        ("binary.txt", b"\xff\xfe\x00", "cannot be read"),
    ):
        (kit.folder / name).write_bytes(content)
        assert wrong in kit("predict", str(tiny), "pictures", "--input-range", "0,1", "--labels", name, code=1)


def test_integers_say_themselves_what_pixels_are(kit: Kit, pictures: Path, foreign: Path) -> None:
    """uint8 and int8 in: both were quantized from one network, so that they agree on what the pixels mean."""
    found = [json.loads(kit("predict", str(foreign / f"{name}.tflite"), "pictures", "--json")) for name in ("uint8", "int8")]
    first, second = ([{e["label"]: e["probability"] for e in one["classes"]} for one in each] for each in found)
    for a, b in zip(first, second, strict=True):
        assert set(a) <= {"class 0", "class 1", "class 2", "class 3"} and len(a) == 3
        assert all(b[name] == pytest.approx(share, abs=0.02) for name, share in a.items() if name in b)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("several", "has 2 inputs and 2 outputs: a classifier of images has one of each"),
        ("flat", "takes 7 and gives 7"),
        ("flex", "uses operators of TensorFlow itself (FlexErf)"),
        ("open", "choose the size to measure, such as --shape 1,224,224,3"),
        ("missing", "no model at"),
    ],
)
def test_what_is_no_classifier_is_one_line(kit: Kit, pictures: Path, foreign: Path, name: str, said: str) -> None:
    shown = kit("predict", str(foreign / f"{name}.tflite"), "pictures", "--input-range", "0,1", code=1)
    assert said in shown and shown.startswith("error: ") and len(shown.splitlines()) == 1


def test_a_size_can_be_chosen_where_it_is_open(kit: Kit, pictures: Path, foreign: Path) -> None:
    said = kit("predict", str(foreign / "open.tflite"), "pictures", "--input-range", "0,1", "--shape", "1,16,24,3")
    assert said.count("class ") == 6


def test_a_model_for_something_larger_than_a_picture_is_refused(kit: Kit, pictures: Path, foreign: Path) -> None:
    options = ("--input-range", "0,1", "--shape", "1,5000,5000,3")
    assert "takes 5000 x 5000 pixels" in kit("predict", str(foreign / "open.tflite"), "pictures", *options, code=1)


def test_no_pictures_and_an_unknown_interpreter(kit: Kit, tiny: Path) -> None:
    (kit.folder / "none").mkdir()
    assert "no pictures in none" in kit("predict", str(tiny), "none", "--input-range", "0,1", code=1)
    assert "interpreter" in kit("predict", str(tiny), "none", "--interpreter", "onnx", code=1)
