"""The front door: what a user types, and what comes back."""

import json
import re
import shutil
from importlib import resources
from pathlib import Path

import pytest

import kit.cli
import kit.cli.commands
from kit import __version__
from tests.conftest import CELLS, PATIENCE_S, Kit, interrupt, wait_for

BENCH = "bench.local-litert-xnnpack-t1-trial.json"
README = Path(__file__).parents[1] / "README.md"
COMMANDS = sorted(command.name or command.callback.__name__ for command in kit.cli.commands.app.registered_commands)


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
        ("kit report smoke ", "kit report elsewhere "),
    ):
        original = original.replace(old, new)
    assert (kit.folder / "reports" / "elsewhere" / "report.html").read_text() == original


def test_a_run_is_found_by_its_presets_file(smoke: Kit, kit: Kit) -> None:
    shutil.copytree(smoke.folder / "runs" / "smoke", kit.folder / "runs" / "mine")
    text = resources.files("kit.study.presets").joinpath("smoke.toml").read_text()
    (kit.folder / "runs" / "flowers.toml").write_text(text.replace('name = "smoke"', 'name = "mine"'))
    kit("report", "runs/flowers.toml")
    assert (kit.folder / "reports" / "mine" / "report.html").is_file()
    assert "4 were up to date, 0 failed" in kit("bench", "runs/flowers.toml", "--protocol", "trial")
    shutil.rmtree(kit.folder / "runs" / "mine")
    for command in ("report", "bench"):
        assert "runs/mine is not a run: create one with `kit reproduce`" in kit(command, "runs/flowers.toml", code=1)
        assert "no preset at gone.toml" in kit(command, "gone.toml", code=1)


def test_both_interpreters_and_delegates_measure_side_by_side(smoke: Kit, kit: Kit) -> None:
    shutil.copytree(smoke.folder / "runs" / "smoke", kit.folder / "runs" / "smoke")
    both = ("--interpreter", "tflite", "--interpreter", "litert", "--delegate", "none", "--delegate", "xnnpack")
    said = kit("bench", "smoke", "mobilenet_v3_small@1/s60", "--protocol", "trial", *both)
    assert "6 measured, 2 were up to date, 0 failed" in said
    cells = [f"mobilenet_v3_small@1/s60/{precision}" for precision in ("float32", "int8")]
    assert [line.split()[0] for line in said.splitlines() if line.startswith("mobilenet_v3_small@1/s60/")] == cells * 4
    found = json.loads(kit("bench", "smoke", "mobilenet_v3_small@1/s60", "--protocol", "trial", *both, "--json"))
    ran = {(one["series"], one["name"][-4:]): one["samples"][0]["delegated_nodes"] for one in found}
    assert ran["tflite-none-t1-trial", "int8"] == ran["tflite-xnnpack-t1-trial", "int8"] == 0, "it knows no int8"
    assert ran["litert-none-t1-trial", "int8"] == 0 < ran["litert-xnnpack-t1-trial", "int8"]
    assert "xnnpack runs none of the file's nodes" in said
    record = json.loads((kit.folder / "runs" / "smoke" / cells[1] / "bench.local-tflite-none-t1-trial.json").read_text())
    assert (record["settings"]["interpreter"], record["settings"]["delegate"]) == ("tflite", "none")
    assert "all 20 records hold" in kit("verify", "smoke")
    kit("report", "smoke")
    run = json.loads((kit.folder / "reports" / "smoke" / "results.json").read_text())["runs"][0]
    assert sorted(bench["interpreter"] for bench in run["benches"]) == ["litert"] * 6 + ["tflite"] * 4
    shown = {(cell["interpreter"], cell["delegate"]) for cell in run["cells"]}
    assert shown == {("litert", "xnnpack"), (None, None)}, "that series has the most cells"


def test_options_mean_the_same_with_and_without_a_host(smoke: Kit, kit: Kit) -> None:
    shutil.copytree(smoke.folder / "runs" / "smoke", kit.folder / "runs" / "smoke")
    (found,) = json.loads(
        kit("bench", "smoke", "mobilenet_v3_small/s60/int8", "--protocol", "paper", "--threads", "2", "--json")
    )
    assert found["series"] == "litert-none-t2-paper" and found["origin"] == "local" and found["statistic"] == "mean"
    assert len(found["samples"]) == 1 and len(found["samples"][0]["latency_ns"]) >= 50
    assert "unknown delegate 'xnnpak': did you mean xnnpack?" in kit("bench", "smoke", "--delegate", "xnnpak", code=1)
    assert "unknown interpreter 'tflit'" in kit("bench", "smoke", "--interpreter", "tflit", code=1)


def test_verify_says_what_does_not_hold(smoke: Kit, kit: Kit) -> None:
    shutil.copytree(smoke.folder / "runs" / "smoke", kit.folder / "run")
    cell = kit.folder / "run" / "mobilenet_v3_small@1" / "s60" / "int8"
    record = json.loads((cell / "evaluate.json").read_text())
    record["values"]["test"]["top3_correct"] += 1
    (cell / "evaluate.json").write_text(json.dumps(record))
    record = json.loads((cell / BENCH).read_text())
    record["settings"]["processes"] += 1
    (cell / BENCH).write_text(json.dumps(record))
    model = cell.parent / "float32" / "model.tflite"
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    said = kit("verify", "run", code=1)
    counted = r"test top3_correct is [\d.]+ in the record and [\d.]+ from"
    assert re.search(rf"evaluate mobilenet_v3_small@1/s60/int8: {counted}", said)
    assert "bench mobilenet_v3_small@1/s60/int8: settings or inputs are not those" in said
    assert (
        "convert mobilenet_v3_small@1/s60/float32: mobilenet_v3_small@1/s60/float32/model.tflite does not match its SHA-256"
        in said
    )


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


def test_the_version_needs_no_command_and_no_command_shows_the_help(kit: Kit) -> None:
    assert kit("--version") == f"{__version__}\n"
    assert kit("--version", "report", "gone") == f"{__version__}\n"
    assert "Usage: " in (said := kit(code=2)) and "reproduce" in said


def test_debug_shows_the_trace(kit: Kit) -> None:
    assert "Traceback" in kit("--debug", "report", "gone", code=1)


def test_without_a_network_both_ways_out_are_named(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nobody listens
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    said = kit("data", "cifar10", code=1)
    assert "CIFAR-10 cannot be downloaded (" in said
    assert "--archive" in said and "--preset smoke" in said
    assert not (kit.folder / "data" / "cifar10").exists()


def test_a_damaged_data_set_says_how_to_fix_it(kit: Kit) -> None:
    kit("data", "digits")
    path = kit.folder / "data" / "digits" / "images.safetensors"
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-1_000_000] ^= 1
    for damaged in (whole[:1000], flipped):
        path.write_bytes(damaged)
        said = kit("train", "mobilenet_v3_small", "--preset", "smoke", code=1)
        assert "is damaged: `kit data digits` makes it again" in said
    kit("data", "digits")
    assert path.read_bytes() == whole


def test_ctrl_c_stops_with_130_and_a_second_run_is_refused(kit: Kit, endless: str) -> None:
    process = kit.start("train", "mobilenet_v3_small", "--preset", endless)
    wait_for((kit.folder / "runs" / "smoke" / "preset.json").exists)  # written after the lock is taken
    assert "another kit is working on runs/smoke" in kit("train", "mobilenet", "--preset", endless, code=1)
    assert "runs/smoke: working" in kit("status", "smoke")
    interrupt(process)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert err == "error: stopped: nothing finished is lost; the same command resumes\n"
    assert "runs/smoke: not working" in kit("status", "smoke")


def test_doctor_finds_what_is_there(kit: Kit) -> None:
    found = {check["what"]: check for check in json.loads(kit("doctor", "--json"))}
    assert found["Python"]["ok"] and found["extra train"]["ok"]
    assert not found["data set digits"]["ok"]
    kit("data", "digits")
    assert "prepared" in kit("doctor")
