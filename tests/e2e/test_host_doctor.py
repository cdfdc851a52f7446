"""A host that cannot be reached or measured on: one line each, with what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from kit.testing.fakepi import FakePi
from tests.conftest import PATIENCE_S
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
        assert "has a host key that is not known here" in said and fingerprint in said
        assert said.endswith(f"ssh -F {pi.config} pi.local")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other", cwd=tmp_path)
        address, kind, _ = before.split()
        known.write_text(f"{address} {kind} {(tmp_path / 'other.pub').read_text().split()[1]}\n")
        said = kit.error("ship")
        assert "shows another host key than before" in said and fingerprint in said
        assert said.endswith(f"ssh-keygen -f {known} -R {address}")
    finally:
        known.write_text(before)


def test_a_wrong_user_and_one_without_docker(kit: Bench) -> None:
    assert "it rejects this user or key" in kit.error("ship", "--user", "stranger")
    said = kit.error("ship", "--user", "guest")
    assert "this user may not use its Docker engine (" in said and ": on it: sudo usermod -aG docker $USER" in said


@pytest.mark.parametrize(
    ("host", "wrong"),
    [
        ("nowhere.invalid", "no such name"),
        ("-oProxyCommand=touch gone", "is not a host"),
        ("pi.local;touch gone", "is not a host"),
    ],
)
def test_a_host_that_is_none(kit: Bench, host: str, wrong: str) -> None:
    process = kit.start("ship", f"--host={host}")
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1 and wrong in err and err.count("\n") == 1
    assert not (kit.folder / "gone").exists()


def test_a_host_without_docker(kit: Bench, pi: FakePi) -> None:
    docker = next(path for path in ("usr/bin/docker", "usr/local/bin/docker") if (pi.tree / path).exists())
    hidden = pi.tree / (docker + ".hidden")
    (pi.tree / docker).rename(hidden)
    try:
        assert "docker: not found): on it: sudo apt install docker.io" in kit.error("ship")
        assert not checks(kit, code=1)["Docker engine"]["ok"]
    finally:
        hidden.rename(pi.tree / docker)


def test_a_host_whose_engine_is_down(kit: Bench, pi: FakePi) -> None:
    pi.kill_engine()
    try:
        said = kit.error("ship")
        assert "its Docker engine is not running (" in said and said.endswith("on it: sudo systemctl start docker")
    finally:
        pi.start_engine()


def test_a_full_disk(kit: Bench, pi: FakePi) -> None:
    pi.enter("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/run/pi/root/home/pi")
    try:
        assert "1 MB are free on its disk, 400 MB are needed: free up space" in kit.error("ship")
    finally:
        pi.enter("umount", "/run/pi/root/home/pi")


def test_a_32_bit_userland_and_another_processor(kit: Bench, pi: FakePi) -> None:
    with replaced(pi, "usr/bin/getconf", "#!/bin/sh\necho 32\n"):
        assert "its userland is 32-bit, not 64-bit: install a 64-bit Raspberry Pi OS" in kit.error("ship")
    with replaced(pi, "bin/uname", "#!/bin/sh\necho armv7l\n"):
        assert "its processor runs as armv7l, not as aarch64" in kit.error("ship")


@pytest.mark.parametrize(
    ("shell", "said"),
    [
        ('echo "Welcome to pi"; exec /bin/dash "$@"', 'its login prints "Welcome to pi" into every answer'),
        ("echo This account is currently not available.; exit 1", 'no programs, but says "This account is currently'),
    ],
)
def test_a_login_that_is_none_is_quoted(kit: Bench, pi: FakePi, shell: str, said: str) -> None:
    with replaced(pi, "bin/sh", f"#!/bin/dash\n{shell}\n"):
        for command in ("ship", "bench"):
            assert said in kit.error(command)
        assert said in kit("doctor", code=1)


def test_a_key_that_ssh_ignores_and_one_with_a_passphrase(kit: Bench, pi: FakePi, tmp_path: Path) -> None:
    config = pi.config.read_text()
    key = tmp_path / "my key"

    def refused() -> str:
        return kit.error("ship", "--identity", key)

    shutil.copy(pi.folder / "id_ed25519", key)
    key.chmod(0o644)
    try:
        pi.config.write_text("".join(line for line in config.splitlines(True) if "IdentityFile" not in line))
        assert f"ssh ignores the key {key}, because others may read it (mode 0644): chmod 600" in refused()
        key.chmod(0o600)
        run("ssh-keygen", "-q", "-p", "-N", "secret", "-f", key, cwd=tmp_path)
        said = refused()
        assert f"the key {key} has a passphrase, and no agent holds it" in said and f"ssh-add '{key}'" in said
    finally:
        pi.config.write_text(config)


@pytest.mark.parametrize(
    ("model", "name", "memory"),
    [("pi5", "Raspberry Pi 5", "7.8 GB available"), ("zero2", "Raspberry Pi Zero 2 W", "0.3 GB available")],
)
def test_other_models(kit: Bench, pi: FakePi, model: str, name: str, memory: str) -> None:
    pi.reset_sys(model)
    found = checks(kit)
    pi.reset_sys()
    assert found["device"]["found"].startswith(name) and found["memory"]["found"] == memory


def test_a_wrong_clock_is_said(kit: Bench, pi: FakePi) -> None:
    with replaced(pi, "bin/date", "#!/bin/sh\necho 1000000000.5\n"):
        clock = checks(kit)["clock"]
    assert not clock["ok"] and "set-ntp" in clock["remedy"]
