"""A host that cannot be reached or measured on: one line each, with what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kit.device.fakepi import FakePi
from tests.e2e.conftest import run
from tests.e2e.standin import Bench, replaced


@pytest.fixture
def kit(tmp_path: Path, pi: FakePi) -> Bench:
    return Bench(tmp_path, pi)


def checks(kit: Bench, code: int = 0) -> dict[str, dict]:
    return {check["what"]: check for check in json.loads(kit("doctor", "--json", code=code))}


def test_a_sound_host(kit: Bench) -> None:
    found = checks(kit)
    assert set(found) == {"SSH", "device", "processor", "userland", "kernel", "Docker engine", "disk", "memory", "clock"}
    assert all(check["ok"] for check in found.values())
    assert found["device"]["found"].startswith("Raspberry Pi 4") and found["processor"]["found"] == "aarch64"


def test_an_unknown_host_key_shows_its_fingerprint(kit: Bench, pi: FakePi, tmp_path: Path) -> None:
    fingerprint = run("ssh-keygen", "-lf", pi.folder / "host_key.pub", cwd=tmp_path).split()[1]
    known = pi.folder / "known_hosts"
    before = known.read_text()
    try:
        known.write_text("")
        said = kit.error("ship")
        assert "has a host key that is not known here" in said and fingerprint in said and "ssh pi.local" in said
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other", cwd=tmp_path)
        address, kind, _ = before.split()
        known.write_text(f"{address} {kind} {(tmp_path / 'other.pub').read_text().split()[1]}\n")
        said = kit.error("ship")
        assert "shows another host key than before" in said and fingerprint in said and "ssh-keygen -R pi.local" in said
    finally:
        known.write_text(before)


def test_a_wrong_user_and_one_without_docker(kit: Bench) -> None:
    assert "it accepts neither this user nor this key" in kit.error("ship", "--user", "stranger")
    said = kit.error("ship", "--user", "guest")
    assert "this user may not use its Docker engine: on it: sudo usermod -aG docker" in said


@pytest.mark.parametrize(
    ("host", "wrong"),
    [
        ("nowhere.invalid", "no such name"),
        ("-oProxyCommand=touch gone", "is no host"),
        ("pi.local;touch gone", "is no host"),
    ],
)
def test_a_host_that_is_none(kit: Bench, host: str, wrong: str) -> None:
    process = kit.start("ship", f"--host={host}")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and wrong in err and err.count("\n") == 1
    assert not (kit.folder / "gone").exists()


def test_a_host_without_docker(kit: Bench, pi: FakePi) -> None:
    docker = next(path for path in ("usr/bin/docker", "usr/local/bin/docker") if (pi.tree / path).exists())
    hidden = pi.tree / (docker + ".hidden")
    (pi.tree / docker).rename(hidden)
    try:
        assert "Docker is not installed on it: on it: sudo apt install docker.io" in kit.error("ship")
        assert not checks(kit, code=1)["Docker engine"]["ok"]
    finally:
        hidden.rename(pi.tree / docker)


def test_a_host_whose_engine_is_down(kit: Bench, pi: FakePi) -> None:
    pi.kill_engine()
    try:
        assert "its Docker engine does not run: on it: sudo systemctl start docker" in kit.error("ship")
    finally:
        pi.start_engine()


def test_a_full_disk(kit: Bench, pi: FakePi) -> None:
    pi.enter("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/run/pi/root/home/pi")
    try:
        assert "1 MB are free on its disk, 400 MB are needed: free some" in kit.error("ship")
    finally:
        pi.enter("umount", "/run/pi/root/home/pi")


def test_a_32_bit_userland_and_another_processor(kit: Bench, pi: FakePi) -> None:
    with replaced(pi, "usr/bin/getconf", "#!/bin/sh\necho 32\n"):
        assert "its userland has 32 bits, not 64: install a 64-bit Raspberry Pi OS" in kit.error("ship")
    with replaced(pi, "bin/uname", "#!/bin/sh\necho armv7l\n"):
        assert "its processor runs as armv7l, not as aarch64" in kit.error("ship")


def test_a_wrong_clock_is_said(kit: Bench, pi: FakePi) -> None:
    with replaced(pi, "bin/date", "#!/bin/sh\necho 1000000000.5\n"):
        clock = checks(kit)["clock"]
    assert not clock["ok"] and "set-ntp" in clock["remedy"]
