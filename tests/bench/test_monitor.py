"""The monitor as a program of its own, on a folder that stands for /sys."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kit
from tests.conftest import PATIENCE_S, take_ctrl_c

PATIENT = f"--patience={PATIENCE_S}"
MONITOR = Path(kit.__file__).parent / "bench" / "worker" / "monitor.py"


@pytest.fixture
def sys_folder(tmp_path: Path) -> Path:
    for core, governor in enumerate(("ondemand", "ondemand", "powersave")):
        folder = tmp_path / f"sys/devices/system/cpu/cpu{core}/cpufreq"
        folder.mkdir(parents=True)
        for name, value in (("governor", governor), ("cur_freq", "600000"), ("max_freq", "1500000")):
            (folder / f"scaling_{name}").write_text(value + "\n")
    return tmp_path / "sys"


def governors(folder: Path) -> list[str]:
    return [path.read_text().strip() for path in sorted(folder.glob("devices/system/cpu/*/cpufreq/scaling_governor"))]


def start(*arguments: str | Path, err: int | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, MONITOR, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=err, text=True, bufsize=1, preexec_fn=take_ctrl_c)  # noqa: PLW1509  # fmt: skip


@pytest.fixture
def governor(sys_folder: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    arguments = ("govern", "--governor=performance", f"--state={tmp_path / 'state'}", f"--sys={sys_folder}")
    with start(*arguments, PATIENT) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["refused"] == []
        assert governors(sys_folder) == ["performance"] * 3
        yield process


def test_a_pinned_clock_comes_back_with_the_governor(sys_folder: Path, tmp_path: Path) -> None:
    clocks = sorted(sys_folder.glob("devices/system/cpu/*/cpufreq/scaling_max_freq"))
    for clock in clocks:
        clock.write_text("1800000")
    arguments = ("govern", "--governor=performance", "--clock-khz=1500000", f"--state={tmp_path / 'state'}")
    with start(*arguments, f"--sys={sys_folder}", PATIENT) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert said["refused"] == [] and said["previous"][str(clocks[0])] == "1800000"
        assert {clock.read_text() for clock in clocks} == {"1500000"}
        process.kill()
        process.wait()
    with start("govern", f"--state={tmp_path / 'state'}", f"--sys={sys_folder}") as next_call:
        assert next_call.wait(PATIENCE_S) == 0
    assert {clock.read_text() for clock in clocks} == {"1800000"} and governors(sys_folder) == BEFORE


@pytest.mark.parametrize("line", [b'{"no": "list"\n', b"\xff\n"])
def test_what_kills_the_reader_ends_all_of_it_with_a_reason(sys_folder: Path, line: bytes) -> None:
    with start("serve", f"--sys={sys_folder}", PATIENT, err=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stderr is not None
        process.stdin.buffer.write(line)
        process.stdin.flush()
        assert process.wait(PATIENCE_S) == 1
        assert process.stderr.read().startswith("JSONDecodeError: ")


BEFORE = ["ondemand", "ondemand", "powersave"]


def test_the_governor_comes_back_when_its_reader_goes(governor: subprocess.Popen[str], sys_folder: Path) -> None:
    governor.communicate(timeout=PATIENCE_S)
    assert governors(sys_folder) == BEFORE


def test_the_governor_comes_back_on_sigterm(governor: subprocess.Popen[str], sys_folder: Path, tmp_path: Path) -> None:
    governor.send_signal(signal.SIGTERM)
    assert governor.wait(PATIENCE_S) == 0
    assert governors(sys_folder) == BEFORE and not (tmp_path / "state").exists()


def test_after_a_kill_9_the_next_call_puts_it_back(
    governor: subprocess.Popen[str], sys_folder: Path, tmp_path: Path
) -> None:
    governor.kill()
    governor.wait()
    assert governors(sys_folder) == ["performance"] * 3
    arguments = ("govern", f"--state={tmp_path / 'state'}", f"--sys={sys_folder}")
    with start(*arguments, "--governor=performance", "--patience=0.2") as next_call:
        assert next_call.wait(PATIENCE_S) == 0, "it ends by itself where nobody says anything"
    assert governors(sys_folder) == BEFORE, "what was there before the first one, not what that one set"


def test_serving_reads_the_device_while_the_agent_works(sys_folder: Path, tmp_path: Path) -> None:
    with start("serve", f"--sys={sys_folder}", PATIENT) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write('["beat"]\n[]\n')
        reading = json.loads(process.stdout.readline())["reading"]
        assert reading["clock_khz"] == [600_000] * 3 and reading["governor"] == "ondemand"
        assert reading["throttled"] is None and reading["temperature_c"] is None
        process.stdin.write(json.dumps(["measure", str(tmp_path / "gone.tflite")]) + "\n")
        answer = json.loads(process.stdout.readline())
        assert answer["code"] == 1 and "gone.tflite is missing or unreadable" in answer["err"]
        assert answer["readings"]["before"] and answer["readings"]["after"]
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0


def test_serving_ends_where_nobody_says_anything(sys_folder: Path) -> None:
    with start("serve", f"--sys={sys_folder}", "--patience=0.2") as process:
        assert process.wait(PATIENCE_S) == 0
