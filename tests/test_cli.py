"""The front door: what a user types, and what comes back."""

import json
import re
import shutil
import time
from pathlib import Path

import pytest

import kit.cli
from tests.conftest import CELLS, Kit, interrupt

README = Path(__file__).parents[1] / "README.md"
COMMANDS = sorted(command.name or command.callback.__name__ for command in kit.cli.app.registered_commands)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example_and_is_in_the_readme(kit: Kit, command: str) -> None:
    assert f"Example: kit {command}" in kit(command, "--help")
    assert f"kit {command}" in README.read_text()


def test_a_smoke_run_ends_in_a_report(smoke: Kit) -> None:
    for name in ("report.md", "report.html"):
        text = (smoke.folder / "reports" / "smoke" / name).read_text()
        assert "mobilenet_v3_small/s60/int8" in text
    assert "4 of 24 cells are complete" in text


def test_an_up_to_date_run_does_nothing(smoke: Kit) -> None:
    before = {path: path.stat().st_mtime_ns for path in (smoke.folder / "runs").rglob("*.safetensors")}
    assert "0 tasks done, 14 were up to date, 0 failed" in smoke("reproduce", "--preset", "smoke", *CELLS)
    assert before == {path: path.stat().st_mtime_ns for path in (smoke.folder / "runs").rglob("*.safetensors")}


def test_status_verify_and_json_read_a_run(smoke: Kit) -> None:
    assert "runs/smoke: not working" in smoke("status", "smoke")
    states = json.loads(smoke("status", "runs/smoke", "--json"))["tasks"]
    assert sum(task["state"] == "fresh" for task in states) == 14
    assert "all 14 records hold" in smoke("verify", "smoke")
    assert json.loads(smoke("verify", "smoke", "--json")) == {"records": 14, "problems": []}
    planned = json.loads(smoke("reproduce", "--preset", "smoke", "--dry-run", "--json"))
    assert sum(task["fresh"] for task in planned["tasks"]) == 14
    assert planned["estimate_s"] > 0


def test_a_run_can_be_moved(smoke: Kit, kit: Kit) -> None:
    shutil.copytree(smoke.folder / "runs" / "smoke", kit.folder / "elsewhere")
    assert "all 14 records hold" in kit("verify", "elsewhere")
    kit("report", "elsewhere")
    original = (smoke.folder / "reports" / "smoke" / "report.html").read_text()
    for old, new in (
        (">smoke:", ">elsewhere:"),
        ("Records smoke", "Records elsewhere"),
        ("../runs/smoke/", "../elsewhere/"),
    ):
        original = original.replace(old, new)
    assert (kit.folder / "reports" / "elsewhere" / "report.html").read_text() == original


def test_both_interpreters_measure_side_by_side(smoke: Kit, kit: Kit) -> None:
    shutil.copytree(smoke.folder / "runs" / "smoke", kit.folder / "runs" / "smoke")
    said = kit("bench", "smoke", "mobilenet_v3_small/s60", "--interpreter", "tflite", "--interpreter", "litert")
    assert "2 tasks done, 2 were up to date, 0 failed" in said
    lines = [line.split() for line in said.splitlines() if line.startswith("mobilenet_v3_small/s60/")]
    cells = [f"mobilenet_v3_small/s60/{precision}" for precision in ("float32", "int8")]
    assert [line[:2] for line in lines] == [[cell, name] for cell in cells for name in ("litert", "tflite")]
    assert all(float(line[2]) > 0 for line in lines)
    record = json.loads((kit.folder / "runs" / "smoke" / cells[1] / "bench-tflite.json").read_text())
    assert record["settings"]["interpreter"] == "tflite"
    assert "all 16 records hold" in kit("verify", "smoke")
    kit("report", "smoke")
    run = json.loads((kit.folder / "reports" / "smoke" / "results.json").read_text())["runs"][0]
    assert sorted(bench["interpreter"] for bench in run["benches"]) == ["litert"] * 4 + ["tflite"] * 2
    assert {cell["interpreter"] for cell in run["cells"]} == {"litert", None}, "on a PC LiteRT decides"


@pytest.mark.parametrize("option", ["--json", "--threads=2", "--protocol=paper"])
def test_options_for_hosts_are_refused_without_one(smoke: Kit, option: str) -> None:
    said = smoke("bench", "smoke", option, code=1)
    assert said == f"error: {option.partition('=')[0]} is for a bench on a host: add --host pi.local\n"


def test_verify_says_what_does_not_hold(smoke: Kit, kit: Kit) -> None:
    shutil.copytree(smoke.folder / "runs" / "smoke", kit.folder / "run")
    cell = kit.folder / "run" / "mobilenet_v3_small" / "s60" / "int8"
    record = json.loads((cell / "evaluate.json").read_text())
    record["values"]["test"]["top3_correct"] += 1
    (cell / "evaluate.json").write_text(json.dumps(record))
    record = json.loads((cell / "bench.json").read_text())
    record["settings"]["processes"] += 1
    (cell / "bench.json").write_text(json.dumps(record))
    model = cell.parent / "float32" / "model.tflite"
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    said = kit("verify", "run", code=1)
    assert re.search(r"evaluate mobilenet_v3_small/s60/int8: test top3_correct is \d+ in the record and \d+ from", said)
    assert "bench mobilenet_v3_small/s60/int8: settings or inputs are not those" in said
    assert "convert mobilenet_v3_small/s60/float32: mobilenet_v3_small/s60/float32/model.tflite has another content" in said


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (("train", "mobilenet_v9"), "unknown architecture 'mobilenet_v9': did you mean mobilenet_v2?"),
        (("train", "efficientnet_b0", "-p", "smoke"), "efficientnet_b0 is not in preset smoke"),
        (("reproduce", "-p", "smokey"), "unknown preset 'smokey': did you mean smoke?"),
        (("reproduce", "-p", "smoke", "-l", "fr"), "unknown language 'fr'"),
        (("reproduce", "-p", "gone.toml"), "no preset at gone.toml"),
        (("report", "gone"), "gone is not a run"),
        (("verify", "gone"), "gone is not a run"),
        (("data", "cifar"), "did you mean cifar10?"),
        (("data", "cifar10", "--archive", "gone.tar.gz"), "no archive at gone.tar.gz"),
        (("data", "digits", "--archive", "gone.tar.gz"), "digits come with scikit-learn"),
        (("data", "digits", "--data", "/proc/nowhere"), "cannot write /proc/nowhere"),
        (("reproduce", "-p", "smoke", "--run", "/proc/nowhere"), "cannot write to /proc/nowhere"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_1(kit: Kit, arguments: tuple[str, ...], wrong: str) -> None:
    said = kit(*arguments, code=1)
    assert wrong in said
    assert said.startswith("error: ") and said.count("\n") == 1
    assert not list(kit.folder.iterdir()) or list(kit.folder.iterdir()) == [kit.folder / "data"]


def test_debug_shows_the_trace(kit: Kit) -> None:
    assert "Traceback" in kit("--debug", "report", "gone", code=1)


def test_without_a_network_both_ways_out_are_named(kit: Kit) -> None:
    said = kit("data", "cifar10", code=1)
    assert "CIFAR-10 cannot be downloaded" in said
    assert "--archive" in said and "--preset smoke" in said
    assert not (kit.folder / "data" / "cifar10").exists()


def test_a_damaged_data_set_says_how_to_mend_it(kit: Kit) -> None:
    kit("data", "digits")
    path = kit.folder / "data" / "digits" / "images.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    said = kit("train", "mobilenet_v3_small", "--preset", "smoke", code=1)
    assert "is damaged: delete it and run `kit data digits` again" in said


def test_ctrl_c_stops_with_130_and_a_second_run_is_refused(kit: Kit) -> None:
    process = kit.start("train", "mobilenet_v3_small", "--preset", "smoke")
    lock = kit.folder / "runs" / "smoke" / "preset.json"
    deadline = time.monotonic() + 60
    while not lock.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "another kit is working on runs/smoke" in kit("train", "mobilenet", "--preset", "smoke", code=1)
    assert "runs/smoke: working" in kit("status", "smoke")
    interrupt(process)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "error: stopped: nothing finished is lost; the same command goes on from here\n"
    assert "runs/smoke: not working" in kit("status", "smoke")


def test_doctor_finds_what_is_there(kit: Kit) -> None:
    found = {check["what"]: check for check in json.loads(kit("doctor", "--json"))}
    assert found["Python"]["ok"] and found["extra train"]["ok"]
    assert not found["data set digits"]["ok"]
    kit("data", "digits")
    assert "prepared" in kit("doctor")
