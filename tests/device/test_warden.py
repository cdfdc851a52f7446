"""The warden as a program of its own, on a folder that stands for /sys."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kit
from tests.conftest import take_ctrl_c

WARDEN = Path(kit.__file__).parent / "device" / "agent" / "warden.py"


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


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, WARDEN, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            text=True, bufsize=1, preexec_fn=take_ctrl_c)  # noqa: PLW1509  # fmt: skip


@pytest.fixture
def governor(sys_folder: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with start("govern", "--governor=performance", f"--state={tmp_path / 'state'}", f"--sys={sys_folder}") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["refused"] == []
        assert governors(sys_folder) == ["performance"] * 3
        yield process


BEFORE = ["ondemand", "ondemand", "powersave"]


def test_the_governor_comes_back_when_its_reader_goes(governor: subprocess.Popen[str], sys_folder: Path) -> None:
    governor.communicate(timeout=20)
    assert governors(sys_folder) == BEFORE


def test_the_governor_comes_back_on_sigterm(governor: subprocess.Popen[str], sys_folder: Path, tmp_path: Path) -> None:
    governor.send_signal(signal.SIGTERM)
    assert governor.wait(20) == 0
    assert governors(sys_folder) == BEFORE and not (tmp_path / "state").exists()


def test_after_a_kill_9_the_next_call_puts_it_back(
    governor: subprocess.Popen[str], sys_folder: Path, tmp_path: Path
) -> None:
    governor.kill()
    governor.wait()
    assert governors(sys_folder) == ["performance"] * 3
    arguments = ("govern", f"--state={tmp_path / 'state'}", f"--sys={sys_folder}")
    with start(*arguments, "--governor=performance", "--patience=0.2") as next_call:
        assert next_call.wait(20) == 0, "it ends by itself where nobody says anything"
    assert governors(sys_folder) == BEFORE, "what was there before the first one, not what that one set"


def test_serving_reads_the_device_while_the_agent_works(sys_folder: Path, tmp_path: Path) -> None:
    with start("serve", f"--sys={sys_folder}") as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write('["beat"]\n[]\n')
        reading = json.loads(process.stdout.readline())["gate"]
        assert reading["clock_khz"] == [600_000] * 3 and reading["governor"] == "ondemand"
        assert reading["throttled"] is None and reading["temperature_c"] is None
        process.stdin.write(json.dumps(["measure", str(tmp_path / "gone.tflite")]) + "\n")
        answer = json.loads(process.stdout.readline())
        assert answer["code"] == 1 and "gone.tflite is not there" in answer["err"]
        assert answer["gate"]["before"] and answer["gate"]["after"]
        process.stdin.close()
        assert process.wait(20) == 0


def test_serving_ends_where_nobody_says_anything(sys_folder: Path) -> None:
    with start("serve", f"--sys={sys_folder}", "--patience=0.2") as process:
        assert process.wait(20) == 0
