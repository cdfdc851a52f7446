"""What a Raspberry Pi's kernel and firmware say: at the places of today's models, late, or as garbage."""

from __future__ import annotations

import importlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from kit.bench.transport import WORKER, Local
from kit.bench.worker import device as of_device
from kit.bench.worker.device import DeviceState, ask_firmware
from kit.errors import KitError

PI_4 = "devices/platform/soc/soc:firmware/get_throttled"
PI_5 = "devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled"
CPU = "devices/system/cpu/cpu0/cpufreq"

Firmware = Callable[[dict[int, int | None]], Path]


def put(root: Path, name: str, content: str | bytes) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.fixture
def firmware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Firmware:
    """A mailbox with these answers by tag: a number, or None for a tag that it does not know."""

    def made(answers: dict[int, int | None]) -> Path:
        def ioctl(mailbox: object, request: int, message: bytearray) -> int:
            words = list(struct.unpack(f"={len(message) // 4}I", message))
            size, code, tag, room, _, *values, end = words
            assert (request, size, code, room, end) == (0xC0086400, len(message), 0, 4 * len(values), 0)
            answer = answers[tag]
            if answer is not None:
                words[1], words[4], words[4 + len(values)] = 1 << 31, 1 << 31 | room, answer
            message[:] = struct.pack(f"={len(words)}I", *words)
            return 0

        monkeypatch.setattr(of_device.fcntl, "ioctl", ioctl)
        return put(tmp_path, "vcio", "")

    return made


@pytest.fixture
def monitor(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program, which finds its neighbours by their plain names."""
    monkeypatch.syspath_prepend(WORKER)
    return importlib.import_module("monitor")


@pytest.mark.parametrize("place", [PI_4, PI_5])
def test_the_file_of_throttling_is_found_where_it_is(tmp_path: Path, place: str) -> None:
    put(tmp_path, place, "50005\n")
    assert DeviceState(tmp_path, tmp_path / "none").read()["throttled"] == 0x50005


def test_without_a_file_the_firmware_is_asked(tmp_path: Path, firmware: Firmware) -> None:
    vcio = firmware({0x00030046: 0x20002, 0x00030047: 1_500_345_728})
    reading = DeviceState(tmp_path / "sys", vcio).read()
    assert (reading["throttled"], reading["measured_khz"]) == (0x20002, 1_500_345)
    put(tmp_path / "sys", PI_5, "0\n")
    assert DeviceState(tmp_path / "sys", vcio).read()["throttled"] == 0, "the kernel's file comes first"


def test_a_mailbox_that_does_not_answer_is_asked_once(tmp_path: Path, firmware: Firmware) -> None:
    answers: dict[int, int | None] = {0x00030046: None, 0x00030047: 0}
    device = DeviceState(tmp_path / "sys", firmware(answers))
    assert device.read()["throttled"] is None and device.read()["measured_khz"] is None
    answers[0x00030046] = 1
    assert device.read()["throttled"] is None
    assert ask_firmware(0x00030046, 0, node=tmp_path / "none") is None


def test_a_node_that_is_no_mailbox_is_none(tmp_path: Path) -> None:
    assert ask_firmware(0x00030046, 0, node=put(tmp_path, "vcio", "text")) is None


@pytest.mark.parametrize("garbage", ["", "no number", "0x", "-", b"\xff\xfe\x00", "9" * 5000, "1 2", "nan"])
def test_garbage_is_unknown_and_ends_nothing(tmp_path: Path, garbage: str | bytes) -> None:
    names = [PI_5, "class/thermal/thermal_zone0/temp", *(f"{CPU}/scaling_{name}" for name in ("cur_freq", "max_freq"))]
    for name in names:
        put(tmp_path, name, garbage)
    put(tmp_path, f"{CPU}/scaling_governor", garbage)
    reading = json.loads(json.dumps(DeviceState(tmp_path, tmp_path / "none").read()))
    assert reading["throttled"] is None and reading["temperature_c"] is None
    assert reading["clock_khz"] == reading["max_clock_khz"] == []


def test_the_last_reading_has_what_the_kernel_finds_at_its_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, monitor: ModuleType
) -> None:
    throttled = put(tmp_path, PI_4, "0\n")
    monkeypatch.setattr(monitor.time, "sleep", lambda seconds: throttled.write_text("50000\n") if seconds == 2.2 else None)
    answer = monitor._watched(DeviceState(tmp_path, tmp_path / "none"), ["--help"], 2.2)
    assert answer["code"] == 0 and answer["readings"]["before"]["throttled"] == 0
    assert answer["readings"]["after"]["throttled"] == 0x50000


def test_a_note_of_a_killed_call_that_is_none_of_ours_is_left_alone(tmp_path: Path, monitor: ModuleType) -> None:
    victim = put(tmp_path, "victim", "kept")
    mine = put(tmp_path, f"{CPU}/scaling_governor", "performance")
    for noted in (b"", b"{", b"[1]", b"\xff", json.dumps({str(victim): "x", str(mine): 5}).encode()):
        monitor.govern({}, put(tmp_path, "state", noted), 0.1)
        assert victim.read_text() == "kept" and mine.read_text() == "performance"


def test_only_a_host_s_clock_is_pinned(tmp_path: Path) -> None:
    wanted = "only a host's clock can be pinned: leave --clock out, or name a host with --host"
    with pytest.raises(KitError, match=wanted), Local(tmp_path).open({}, lambda progress: None, 1500):
        pass
