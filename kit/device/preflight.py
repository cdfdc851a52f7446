"""What a host is, and whether it can be measured on: each fault is one line with its remedy. Only looks, changes nothing."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from kit.device.checks import Check
from kit.device.ssh import Link
from kit.errors import KitError

NEEDED_BYTES = 400_000_000  # the image twice, packed and unpacked, and the models
_MEMORY_BYTES = 300_000_000
_SKEW_S = 60.0
_DEVICE_TREE = "/sys/firmware/devicetree/base/model"


class Facts(Struct, frozen=True):
    """A host as it says it is. `emulated`: its engine runs arm64 programs without an arm64 processor."""

    model: str
    kernel: str
    machine: str
    bits: int
    engine: str
    engine_architecture: str
    free_bytes: int
    memory_bytes: int
    clock_skew_s: float
    cores: int
    emulated: bool

    @property
    def origin(self) -> str:
        """Where numbers come from that are measured there: `device` or `emulated`."""
        return "emulated" if self.emulated else "device"

    def described(self) -> dict[str, Any]:
        """For a record: what the device is, not how it stands at the moment."""
        return {name: getattr(self, name) for name in ("model", "kernel", "machine", "engine", "cores")}


def checks(link: Link) -> Iterator[Check]:
    """One check after the other, for `kit doctor --host`; those that cannot be made for want of Docker are left out."""
    look = _Look(link)
    yield _check("device", look.model)
    yield _check("processor", look.machine)
    yield _check("userland", look.bits, lambda bits: f"{bits} bit")
    yield _check("kernel", look.kernel)
    yield _check("Docker engine", look.engine, lambda engine: f"{engine[0]}, {engine[1]}")
    yield _check("disk", look.free_bytes, lambda size: f"{size / 1e9:.1f} GB free")
    yield _check("memory", look.memory_bytes, lambda size: f"{size / 1e9:.1f} GB available")
    skew_s = look.clock_skew_s()
    yield Check("clock", f"{skew_s:+.1f} s", abs(skew_s) < _SKEW_S, "sudo timedatectl set-ntp true", needed=False)


def facts(link: Link) -> Facts:
    """All of it. Raises KitError for the first thing that makes measuring impossible."""
    look = _Look(link)
    model, (version, architecture) = look.model(), look.engine()
    return Facts(
        model=model,
        kernel=look.kernel(),
        machine=look.machine(),
        bits=look.bits(),
        engine=version,
        engine_architecture=architecture,
        free_bytes=look.free_bytes(),
        memory_bytes=look.memory_bytes(),
        clock_skew_s=look.clock_skew_s(),
        cores=int(look.said("getconf", "_NPROCESSORS_ONLN")),
        emulated=architecture != "arm64" or bool(re.search("QEMU|dummy-virt", model)) or not look.is_arm(),
    )


def _check(what: str, look: Callable[[], Any], show: Callable[[Any], str] = str) -> Check:
    try:
        return Check(what, show(look()), True)
    except KitError as error:
        return Check(what, error.wrong, False, error.remedy)


class _Look:
    def __init__(self, link: Link) -> None:
        self.link, self.host = link, link.address.host

    def said(self, *argv: str) -> str:
        return self.link.run(argv).stdout.strip()

    def fault(self, wrong: str, remedy: str) -> KitError:
        return KitError(f"{self.host}: {wrong}", remedy)

    def model(self) -> str:
        return self.said("cat", _DEVICE_TREE).rstrip("\0") or "unknown model"

    def kernel(self) -> str:
        return self.said("uname", "-sr")

    def machine(self) -> str:
        machine = self.said("uname", "-m")
        if machine != "aarch64":
            raise self.fault(f"its processor runs as {machine}, not as aarch64", "install a 64-bit Raspberry Pi OS")
        return machine

    def bits(self) -> int:
        bits = self.said("getconf", "LONG_BIT")
        if bits != "64":
            raise self.fault(f"its userland has {bits} bits, not 64", "install a 64-bit Raspberry Pi OS")
        return int(bits)

    def is_arm(self) -> bool:
        return "CPU implementer" in self.said("cat", "/proc/cpuinfo")

    def engine(self) -> tuple[str, str]:
        """The engine's version and architecture."""
        done = self.link.run(["docker", "version", "--format", "{{json .Server}}"])
        try:
            server = msgspec.json.decode(done.stdout)
            return server["Version"], server["Arch"]
        except (msgspec.DecodeError, KeyError, TypeError):
            raise self._no_engine(done.stderr, done.reason) from None

    def _no_engine(self, stderr: str, reason: str) -> KitError:
        if "permission denied" in stderr.lower():
            remedy = "on it: sudo usermod -aG docker $USER; the kit's next connection may use it"
            return self.fault("this user may not use its Docker engine", remedy)
        if "not found" in stderr:
            return self.fault("Docker is not installed on it", "on it: sudo apt install docker.io")
        if "Cannot connect" in stderr:
            return self.fault("its Docker engine does not run", "on it: sudo systemctl start docker")
        return self.fault(f"its Docker engine does not answer ({reason})", "on it: docker version")

    def free_bytes(self) -> int:
        sizes = [int(line.split()[3]) * 1024 for line in self._disks() if len(line.split()) > 4]
        free = min(sizes, default=0)
        if free < NEEDED_BYTES:
            wrong = f"{free / 1e6:,.0f} MB are free on its disk, {NEEDED_BYTES / 1e6:.0f} MB are needed"
            raise self.fault(wrong, "free some: docker image prune")
        return free

    def _disks(self) -> list[str]:
        """Where the kit's files go and where the engine's, as df lists them; a folder that is not there is left out."""
        root = self.said("docker", "info", "--format", "{{.DockerRootDir}}")
        return self.said("df", "-Pk", ".", *([root] if root.startswith("/") else [])).splitlines()[1:]

    def memory_bytes(self) -> int:
        found = re.search(r"MemAvailable:\s+(\d+)", self.said("cat", "/proc/meminfo"))
        memory = int(found[1]) * 1024 if found else 0
        if memory < _MEMORY_BYTES:
            raise self.fault(f"{memory / 1e6:,.0f} MB of its memory are available", "end other programs on it")
        return memory

    def clock_skew_s(self) -> float:
        """How far its clock is ahead of this machine's."""
        before = time.time()
        there = self.said("date", "+%s.%N")
        return round(float(there) - (before + time.time()) / 2, 3) if re.fullmatch(r"\d+\.\d+", there) else 0.0
