"""`kit bench` of .tflite files from elsewhere: measured, with what they were given, or one line that names the cause."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kit.bench.request import BenchRequest, Recorder
from kit.bench.transport import WORKER, Local
from kit.bench.values import Answer, Device, Reading, Readings
from kit.study import protocols
from tests.conftest import Kit

INTERPRETERS = ("litert", "tflite")
FLOATS, IMAGE = "random, -0.5 to 0.5", [1, 8, 6, 3]


def agent(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, WORKER / "agent.py", "measure", *arguments, "--inferences=2", "--warmup=1"]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=cwd)


def given(done: subprocess.CompletedProcess[str]) -> list[tuple[Any, ...]]:
    assert not done.returncode, done.stderr
    said = json.loads(done.stdout)
    assert len(said["warmup_ns"]) == 1 and len(said["latency_ns"]) == 2
    assert said["input_shape"] == (said["inputs"][0]["shape"] if len(said["inputs"]) == 1 else None)
    return [(one["name"], one["shape"], one["dtype"], one["filled"]) for one in said["inputs"]]


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1 and not done.stdout and "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1].removeprefix("error: ")  # before it the interpreter says which delegate it made


@pytest.mark.parametrize("interpreter", INTERPRETERS)
@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("image", [("image", IMAGE, "float32", FLOATS)]),
        ("anybatch", [("image", IMAGE, "float32", FLOATS)]),
        ("flat", [("x", [7], "float32", FLOATS)]),
        ("number", [("x", [], "float32", FLOATS)]),
        ("uint8", [("image", IMAGE, "uint8", "random, 0 to 255")]),
        ("int8", [("image", IMAGE, "int8", "random, -128 to 127")]),
        ("text", [("text", [1], "bytes", "the text 0")]),
        ("table", [("ids", [1, 5], "int64", "0, because it refuses larger ones")]),
    ],
)
def test_a_model_is_measured_with_what_it_takes(foreign: Path, name: str, inputs: list[Any], interpreter: str) -> None:
    assert given(agent(foreign / f"{name}.tflite", f"--interpreter={interpreter}")) == inputs


def test_each_of_several_inputs_is_filled(foreign: Path) -> None:
    mask = ("mask", [1, 5], "bool", "random, 0 to 1")
    ids, other = given(agent(foreign / "several.tflite"))
    assert ids[:3] == ("ids", [1, 5], "int32") and other == mask
    assert given(agent(foreign / "several.tflite", "--shape=ids=1,5"))[1] == mask


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_a_size_can_be_chosen_where_it_is_open(foreign: Path, interpreter: str) -> None:
    for name, shape in (
        ("open", [1, 20, 30, 3]),
        ("batch", [1, 8, 8, 3]),
        ("batch", [4, 8, 8, 3]),
        ("anybatch", [2, 8, 6, 3]),
    ):
        chosen = f"--shape={','.join(map(str, shape))}"
        assert given(agent(foreign / f"{name}.tflite", chosen, f"--interpreter={interpreter}"))[0][1] == shape


@pytest.mark.parametrize("interpreter", INTERPRETERS)
@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("open", "", "takes 1 x open x open x 3: choose the size to measure, such as --shape 1,224,224,3"),
        ("batch", "", "takes a batch of 4, 4 x 8 x 8 x 3: choose the size to measure, such as --shape 1,8,8,3"),
        ("open", "1,8,8", "takes 1 x open x open x 3: --shape needs 4 numbers"),
        ("open", "1,8,x,3", "is no size"),
        ("open", "1,0,8,3", "is no size"),
        ("open", "1,100000,100000,3", "is not a model that this interpreter can run"),
        ("open", "1,8,8,4", "takes 1 x open x open x 3, not 1 x 8 x 8 x 4: --shape is for sizes that are open"),
        ("image", "1,64,64,3", "takes 1 x 8 x 6 x 3, not 1 x 64 x 64 x 3: --shape is for sizes that are open"),
        ("several", "ids=1,9", "takes 1 x 5, not 1 x 9: --shape is for sizes that are open"),
        ("several", "1,9", "has 2 inputs: its inputs are ids, mask; --shape ids=1,2,3"),
        ("image", "other=1,8,8,3", "has no input other: its inputs are image; --shape image=1,2,3"),
        ("custom", "", "uses the custom operator Erf, which this interpreter does not have"),
        ("flex", "", "uses operators of TensorFlow itself (FlexErf), which this interpreter does not have"),
    ],
)
def test_what_cannot_be_measured_is_one_line(foreign: Path, name: str, shape: str, said: str, interpreter: str) -> None:
    options = [f"--interpreter={interpreter}", *([f"--shape={shape}"] if shape else [])]
    assert said in refusal(agent(foreign / f"{name}.tflite", *options))


def test_what_is_no_model_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.tflite").touch()
    (tmp_path / "other.tflite").write_bytes(b"PK\x03\x04\x1b[31m and more")
    (tmp_path / "folder.tflite").mkdir()
    assert "is empty" in refusal(agent("empty.tflite", cwd=tmp_path))
    assert r"it begins with b'PK\x03\x04\x1b[31'" in refusal(agent("other.tflite", cwd=tmp_path))
    assert "is missing or unreadable" in refusal(agent("folder.tflite", cwd=tmp_path))


HURRIED = """
import sys
from pathlib import Path

import latency

latency._FIRST_S = 1
latency.measure(Path(sys.argv[1]), latency.Options("litert"), latency.Runs(1, 0), latency.Runs(1, 0))
"""


def test_a_model_that_never_ends_is_ended(foreign: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HURRIED, foreign / "forever.tflite"], cwd=WORKER, capture_output=True, text=True, check=False
    )
    answer = Answer(done.returncode, done.stdout, done.stderr, Readings(*READINGS))
    assert "took too long" in answer.reason(str(foreign / "forever.tflite"), "forever.tflite")


READINGS = (Reading(0, 0), (), Reading(0, 0))


def test_a_bench_says_what_it_measured_and_what_not(foreign: Path, kit: Kit) -> None:
    named = [str(foreign / f"{name}.tflite") for name in ("several", "uint8", "open", "flex")]
    content = (foreign / "image.tflite").read_bytes()
    (kit.folder / "torn.tflite").write_bytes(content[: len(content) * 2 // 3])
    said = kit("bench", *named, "torn.tflite", "--protocol", "trial", code=1)
    assert "several.tflite was given ids 1 x 5 int32 (" in said and ", mask 1 x 5 bool (random, 0 to 1)" in said
    assert "uint8.tflite was given image 1 x 8 x 6 x 3 uint8 (random, 0 to 255)" in said
    assert "open.tflite takes 1 x open x open x 3" in said and "operators of TensorFlow itself (FlexErf)" in said
    assert "torn.tflite: " in said and "2 measured, 0 were up to date, 3 failed" in said and "Traceback" not in said
    chosen = kit("bench", str(foreign / "open.tflite"), "--protocol", "trial", "--shape", "1,16,16,3", "--json")
    assert json.loads(chosen)[0]["samples"][0]["input_shape"] == [1, 16, 16, 3]


def test_what_was_measured_at_another_size_is_not_taken_up_again(tmp_path: Path) -> None:
    protocol = protocols.get("trial")
    asked = [BenchRequest([], protocol, tmp_path, shapes=shapes) for shapes in ((), ("1,16,16,3",), ("1,32,32,3",))]
    found = [Recorder(request, Local()).journal_fingerprint(request.series()[0], Device("PC")) for request in asked]
    assert len(set(found)) == 3


def test_a_runs_models_have_one_size(smoke: Kit) -> None:
    assert "a run's models have one size each" in smoke("bench", "smoke", "--shape", "1,8,8,3", code=1)
