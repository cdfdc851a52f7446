"""What hosts and engines say may be anything: no answer gives a trace, a hang or a measurement that wrongly counts."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kit.bench import preflight, session, ship, transfer, validity
from kit.bench.address import Address
from kit.bench.preflight import Facts
from kit.bench.values import Reading, Readings
from kit.bench.worker.device import DeviceState
from kit.containers import archive, engine
from kit.errors import KitError
from kit.process import Completed

quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
numbers = st.integers(-(10**25), 10**25).map(str) | st.sampled_from(["0", "50005", "0x5", "1500000", "NaN", "1e9", ""])
contents = st.binary(max_size=60) | (numbers | st.text(max_size=20)).map(lambda text: text.encode(errors="replace"))

THROTTLED = "devices/platform/soc/soc:firmware/get_throttled"
CPU = "devices/system/cpu/cpu0/cpufreq"
FILES = (
    THROTTLED,
    "class/thermal/thermal_zone0/temp",
    *(f"{CPU}/scaling_{of}" for of in ("cur_freq", "max_freq", "governor")),
)


def _sysfs(root: Path, said: Sequence[bytes | None]) -> Reading:
    """What the monitor reads where the kernel's files have these contents; None: there is no such file."""
    for name, content in zip(FILES, said, strict=True):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
    read = DeviceState(root, root / "no-mailbox").read()
    return msgspec.json.decode(json.dumps(read), type=Reading)


@quick
@given(st.lists(st.none() | contents, min_size=len(FILES), max_size=len(FILES)))
def test_the_kernel_s_files(tmp_path: Path, said: list[bytes | None]) -> None:
    sound = _sysfs(tmp_path, [b"0", b"50000", b"1500000", b"1500000", b"performance"])
    during = _sysfs(tmp_path, said)
    wrong = validity.invalid_reasons(Readings(sound, (during,), sound))
    assert all("\n" not in reason for reason in wrong)
    validity.is_hot(during)
    if during.throttled and during.throttled & 0xF:
        assert wrong
    if during.governor != "performance":
        assert any("governor changed" in reason for reason in wrong)
    if any(khz < 1_400_000 for khz in during.clock_khz) and during.governor == "performance":
        assert any("the clock fell" in reason for reason in wrong)
    if during.throttled is None:
        assert "the device does not tell whether it throttles" in list(validity._of_device([during], 1))


class _Host:
    """A host whose programs print what they are told to."""

    address = Address("pi.local")

    def __init__(self, data: st.DataObject) -> None:
        self.data = data

    def run(self, argv: Sequence[str], timeout_s: float = 0.0) -> Completed:
        return Completed(self.data.draw(st.sampled_from([0, 0, 0, 1, 127])), self.data.draw(_answers(list(argv))), "no")


TRUE = {
    "uname -sr": "Linux 6.12.0", "uname -m": "aarch64", "getconf LONG_BIT": "64", "getconf _NPROCESSORS_ONLN": "4",
    "df -Pk": "Filesystem 1024-blocks Used Available Capacity Mounted\n/dev/root 30000000 10 29000000 1% /",
    "cat /proc/meminfo": "MemAvailable: 3000000 kB", "date": "1790000000.5", "pwd": "/home/pi", "id": "1000",
    "docker version": '{"Version": "26.1.5", "Arch": "arm64"}', "docker info": "/var/lib/docker",
    "docker image": '["sha256:0123456789ab",["sha256:1"],{"Env":[]}]', "stat": "character special file 44",
}  # fmt: skip


def _answers(argv: list[str]) -> st.SearchStrategy[str]:
    line = " ".join(argv)
    whole = next((text for name, text in TRUE.items() if line.startswith(name)), "")
    cut = st.tuples(st.integers(0, len(whole)), st.text(max_size=6)).map(lambda at: whole[: at[0]] + at[1] + whole[at[0] :])
    return st.just(whole) | cut | st.text(max_size=40) | values.map(json.dumps)


@quick
@given(data=st.data())
def test_answers_of_a_host(data: st.DataObject) -> None:
    host: Any = _Host(data)
    for check in preflight.checks(host):
        assert "\n" not in check.found + check.remedy
    for look in (preflight.facts, session._home, session._mailbox, transfer.hashes, ship._layers_there,
                 lambda host: ship._ids(host, "ps"), lambda host: ship.inspect(host, "kit-pi")):  # fmt: skip
        try:
            found = look(host)
        except KitError as error:
            assert "\n" not in str(error)
        else:
            assert not isinstance(found, Facts) or (found.machine, found.bits) == ("aarch64", 64)


@quick
@given(st.text(max_size=60) | values.map(json.dumps) | st.lists(values, min_size=3, max_size=3).map(json.dumps))
def test_images_as_docker_describes_them(said: str) -> None:
    found = archive.identity(said)
    assert found is None or found.same(found)


class _Engine(socketserver.ThreadingUnixStreamServer):
    """An engine that answers every request with `said`."""

    said: bytes = b"{}"
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    server: _Engine

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.server.said)))
        self.end_headers()
        self.wfile.write(self.server.said)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def any_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Engine]:
    path = tmp_path / "s"
    with _Engine(str(path), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        yield server
        server.shutdown()


SOUND = {
    "Version": "26.1.5",
    "ApiVersion": "1.45",
    "Arch": "amd64",
    "DockerRootDir": "/",
    "SecurityOptions": [],
    "Id": "sha256:1",
}
engines = st.fixed_dictionaries({}, optional={key: st.just(value) | values for key, value in SOUND.items()})


@quick
@given(
    said=engines.map(lambda one: json.dumps(one).encode())
    | st.binary(max_size=40)
    | values.map(lambda one: json.dumps(one).encode())
)
def test_answers_of_an_engine(any_engine: _Engine, said: bytes) -> None:
    any_engine.said = said
    try:
        client = engine.connect()
        engine.is_rootless(client)
        engine.require_platform(engine.native(client), client)
        engine.require_disk(client, 1)
        engine.image_id(client, "kit-pi")
    except KitError as error:
        assert "\n" not in str(error)
