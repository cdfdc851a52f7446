"""What other programs say when they fail becomes a cause and a command: a table of situations, as they were seen."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from kit import causes, store
from kit.bench.values import Answer, Reading, Readings
from kit.cli import doctor
from kit.containers import engine
from kit.errors import KitError
from kit.workflow import local

HOST_ENGINES = {
    'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://%2Fvar"':
        ("this user may not use its Docker engine", "on it: sudo usermod -aG docker $USER; then log in again"),
    "sh: 1: docker: not found": ("Docker is not installed", "on it: sudo apt install docker.io"),
    "bash: line 1: docker: command not found": ("Docker is not installed", "on it: sudo apt install docker.io"),
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?":
        ("its Docker engine is not running", "on it: sudo systemctl start docker"),
    "Error response from daemon: client version 1.52 is too new. Maximum supported API version is 1.41":
        ("its docker program and engine are of different ages", "on it: update both:"),
    "write /var/lib/docker/tmp/x: no space left on device": ("its disk is full", "on it: docker image prune"),
    "failed to register layer: open /a: read-only file system": ("its disk fails", "on it: sudo dmesg"),
    "dd: error writing 'x': Input/output error": ("its disk fails", "on it: sudo dmesg"),
    "fork/exec /usr/bin/unpigz: cannot allocate memory": ("its memory is full", "close other programs on it"),
    "exec /usr/bin/python3: exec format error": ("its engine cannot run arm64 programs", "on it: sudo apt install qemu"),
}  # fmt: skip


@pytest.mark.parametrize("said", HOST_ENGINES)
def test_what_an_engine_says(said: str) -> None:
    wrong, remedy = HOST_ENGINES[said]
    found = causes.engine(said)
    assert found is not None and found[0] == wrong and found[1].startswith(remedy)
    here = causes.engine(said, here=True)
    assert here is not None and "on it" not in here[1] and "its" not in here[0].split()


def test_what_nobody_has_seen_yet_is_no_cause() -> None:
    assert causes.engine("Error response from daemon: something new") is None
    assert causes.last_line("\n\n") == "no reason given" and causes.last_line("a\n b \n\n") == "b"


REFUSED = (
    "Error while fetching server API version: ('Connection aborted.', ConnectionRefusedError(111, 'Connection refused'))"
)
DENIED = "Error while fetching server API version: ('Connection aborted.', PermissionError(13, 'Permission denied'))"


@pytest.mark.parametrize(
    ("host", "reason", "said"),
    [
        ("ssh://pi@pi.local", "Install paramiko package to enable ssh:// support",
         "the kit's Docker SDK does not speak SSH, and DOCKER_HOST is ssh://pi@pi.local: ssh -fnNT -L /tmp/kit-docker.sock:"
         "/var/run/docker.sock ssh://pi@pi.local && export DOCKER_HOST=unix:///tmp/kit-docker.sock"),
        ("tcp://pi:2376", "TLS configuration is invalid.", "the engine at tcp://pi:2376 wants other TLS certificates"),
        ("pi:2375", "Invalid bind address protocol: pi:2375", "DOCKER_HOST is no address of an engine: pi:2375: unset"),
        ("tcp://pi:2375", REFUSED, "no Docker engine answers at tcp://pi:2375 (Connection refused): start it there"),
        ("", DENIED, "this user may not use this machine's Docker engine: sudo usermod -aG docker $USER"),
        ("", REFUSED, "no Docker engine answers (Connection refused): "),
        ("", "NewConnectionError(\"HTTPConnection(host='x', port=1): [Errno 111] Connection refused\")",
         "no Docker engine answers (Connection refused)"),
    ],
)  # fmt: skip
def test_why_no_engine_answers_here(monkeypatch: pytest.MonkeyPatch, host: str, reason: str, said: str) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    if host:
        monkeypatch.setenv("DOCKER_HOST", host)
    assert str(engine._unreachable(reason)).startswith(said)


def test_the_engine_is_the_one_of_the_docker_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "docker"
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    for said, host in (("unix:///run/user/1000/docker.sock", "unix:///run/user/1000/docker.sock"), ("<no value>", None)):
        program.write_text(f"#!/bin/sh\necho '{said}'\n")
        program.chmod(0o755)
        assert engine._environment().get("DOCKER_HOST") == host


@pytest.mark.parametrize(
    ("tail", "wrong"),
    [
        ("x509: certificate signed by unknown authority", "a proxy re-signs TLS here"),
        ("ERROR: process did not complete successfully: exit code: 137", "a step was killed, probably out of memory"),
        ("failed to resolve source metadata for docker.io/library/debian", "no registry serves the base image"),
    ],
)
def test_why_a_build_failed(tail: str, wrong: str) -> None:
    found = causes.explain(causes.BUILD, tail)
    assert found is not None and found[0] == wrong and found[1]


def why(code: int, err: str) -> str:
    reading = Reading(0.0, 0.0)
    return Answer(code, "", err, Readings(reading, (), reading)).reason("models/5f3a", "mine.tflite")


def test_how_a_killed_agent_and_a_killed_worker_ended(tmp_path: Path) -> None:
    noise, log = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.", tmp_path / "a.log"
    assert why(-9, noise).startswith("killed, probably out of memory: close other programs there")
    assert why(-9, noise).endswith(f"last said: {noise}")
    assert "lacks an instruction" in why(-4, "") and "crashed" in why(-11, "")
    assert why(1, f"{noise}\nerror: models/5f3a is empty: copy it again") == "mine.tflite is empty: copy it again"
    assert local.ending(-9, log) == "its process was killed, probably out of memory: run it with --workers 1"
    assert local.ending(-11, log) == f"its process was ended by SIGSEGV, see {log}"
    assert local.ending(3, log) == f"its process ended with code 3, see {log}"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_a_file_system_without_locks_is_no_other_kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(number, errno.errorcode[number])

    monkeypatch.setattr(fcntl, "flock", flock)
    said = rf"cannot be locked \({errno.errorcode[number]}\): choose a folder on a local disk"
    with pytest.raises(KitError, match=said), store.exclusive(tmp_path):
        pass
    assert not store.is_held(tmp_path)


def test_a_glibc_that_a_wheel_does_not_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.platform, "machine", lambda: "aarch64")
    for version, ok in (("2.31", False), ("2.34", True), ("2.41", True)):
        monkeypatch.setattr(doctor.platform, "libc_ver", lambda version=version: ("glibc", version))
        (check,) = doctor._glibc()
        assert check.ok == ok and "needs 2.34" in check.remedy


def test_a_rootless_engine_gets_no_chown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.os, "getuid", lambda: 1000 + tmp_path.stat().st_uid)
    monkeypatch.setattr(store, "UID_MAP", tmp_path / "uid_map")
    (tmp_path / "uid_map").write_text("0 1000 1\n1 100000 65536\n")
    refused = PermissionError(errno.EACCES, "refused")
    assert "of a rootless engine: set KIT_UID=0 and KIT_GID=0 in .env" in store._way_out(tmp_path / "runs", refused)
    (tmp_path / "uid_map").write_text("         0          0 4294967295\n")
    assert "sudo chown" in store._way_out(tmp_path / "runs", refused)
