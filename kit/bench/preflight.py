"""What a host is, and whether it can be used to measure: each fault is one line with its remedy. Read-only."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec
from msgspec import Struct

from kit import causes
from kit.bench.ssh import Connection, quoted
from kit.bench.values import Device
from kit.checks import Check
from kit.errors import KitError

T = TypeVar("T")

NEEDED_BYTES = 400_000_000  # the image twice, packed and unpacked, and the models
_MEMORY_BYTES = 150_000_000  # what measuring the largest model takes, twice
_SKEW_S = 60.0
DEVICE_TREE = "firmware/devicetree/base/model"  # below /sys


class Facts(Struct, frozen=True):
    """What a host reports about itself. `emulated`: its engine runs arm64 programs without an arm64 processor."""

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

    @property
    def device(self) -> Device:
        """For a record: what the device is, not its current state."""
        return Device(self.model, self.kernel, self.machine, self.engine, self.cores)


def checks(connection: Connection) -> Iterator[Check]:
    """The checks of `kit doctor --host`, in order; those that need Docker are left out if it is missing."""
    look = _Look(connection)
    yield _check("device", look.model)
    yield _check("processor", look.machine)
    yield _check("userland", look.bits, lambda bits: f"{bits} bit")
    yield _check("kernel", look.kernel)
    yield _check("Docker engine", look.engine, lambda engine: f"{engine[0]}, {engine[1]}")
    yield _check("disk", look.free_bytes, lambda size: f"{size / 1e9:.1f} GB free")
    yield _check("memory", look.memory_bytes, lambda size: f"{size / 1e9:.1f} GB available")
    skew_s = look.clock_skew_s()
    yield Check("clock", f"{skew_s:+.1f} s", abs(skew_s) < _SKEW_S, "sudo timedatectl set-ntp true", needed=False)


def facts(connection: Connection) -> Facts:
    """Everything about the host. Raises KitError for the first fault that makes measuring impossible."""
    look = _Look(connection)
    machine, bits = look.machine(), look.bits()  # first: on another kind of system, nothing else has to be as expected
    model, (version, architecture) = look.model(), look.engine()
    return Facts(
        model=model,
        kernel=look.kernel(),
        machine=machine,
        bits=bits,
        engine=version,
        engine_architecture=architecture,
        free_bytes=look.free_bytes(),
        memory_bytes=look.memory_bytes(),
        clock_skew_s=look.clock_skew_s(),
        cores=look.cores(),
        emulated=architecture != "arm64" or is_virtual(model) or not look.is_arm(),
    )


def is_virtual(model: str) -> bool:
    """Whether a device tree's model is that of a virtual machine."""
    return bool(re.search("QEMU|dummy-virt", model))


def _check(what: str, look: Callable[[], T], show: Callable[[T], str] = str) -> Check:
    try:
        return Check(what, show(look()), True)
    except KitError as error:
        return Check(what, error.wrong, False, error.remedy)


class _Server(Struct, frozen=True):
    Version: str
    Arch: str


class _Look:
    def __init__(self, connection: Connection) -> None:
        self.connection, self.host = connection, connection.address.host

    def said(self, *argv: str) -> str:
        return self.connection.run(argv).stdout.strip()

    def fault(self, wrong: str, remedy: str) -> KitError:
        return KitError(f"{self.host}: {wrong}", remedy)

    def answer(self, pattern: str, *argv: str) -> str:
        """What a program there prints, if it is of the form that it must have. Raises KitError with what came instead."""
        done = self.connection.run(argv)
        if done.code or not re.fullmatch(pattern, done.stdout.strip()):
            came = quoted(done.stdout.strip() or done.stderr)
            raise self.fault(
                f"`{' '.join(argv)}` answers {came}, code {done.code}", "the kit needs a Linux host with coreutils"
            )
        return done.stdout.strip()

    def model(self) -> str:
        """Free text of the firmware, on one line."""
        return " ".join(self.said("cat", f"/sys/{DEVICE_TREE}").replace("\0", " ").split())[:100] or "unknown model"

    def kernel(self) -> str:
        return self.answer(r"[\w.]+ [\w.+~-]+", "uname", "-sr")

    def machine(self) -> str:
        machine = self.answer(r"\w{2,20}", "uname", "-m")
        if machine != "aarch64":
            raise self.fault(f"its processor runs as {machine}, not as aarch64", "install a 64-bit Raspberry Pi OS")
        return machine

    def bits(self) -> int:
        bits = self.answer(r"32|64", "getconf", "LONG_BIT")
        if bits != "64":
            raise self.fault(f"its userland is {bits}-bit, not 64-bit", "install a 64-bit Raspberry Pi OS")
        return int(bits)

    def cores(self) -> int:
        return int(self.answer(r"[1-9][0-9]{0,3}", "getconf", "_NPROCESSORS_ONLN"))

    def is_arm(self) -> bool:
        return "CPU implementer" in self.said("cat", "/proc/cpuinfo")

    def engine(self) -> tuple[str, str]:
        """The engine's version and architecture."""
        done = self.connection.run(["docker", "version", "--format", "{{json .Server}}"])
        try:
            server = msgspec.json.decode(done.stdout, type=_Server)
        except (msgspec.DecodeError, UnicodeDecodeError):
            found = causes.engine(done.stderr)
            if found:
                raise self.fault(f"{found[0]} ({done.reason})", found[1]) from None
            came = quoted(done.stderr.strip() or done.stdout)
            raise self.fault(f"its Docker engine does not answer, but says {came}", "on it: docker version") from None
        return server.Version, server.Arch

    def free_bytes(self) -> int:
        lines = self._disks()
        sizes = [int(found[1]) * 1024 for line in lines if (found := re.match(r".+?\s+\d+\s+\d+\s+(\d{1,15})\s+\d+%", line))]
        if not sizes:
            raise self.fault(f"`df` answers {quoted(' '.join(lines))}", "on it: df -Pk .")
        free = min(sizes)
        if free < NEEDED_BYTES:
            wrong = f"{free / 1e6:,.0f} MB are free on its disk, {NEEDED_BYTES / 1e6:.0f} MB are needed"
            raise self.fault(wrong, "free up space: docker image prune")
        return free

    def _disks(self) -> list[str]:
        """The disks of the kit's files and of the engine's, as df lists them; a missing folder is left out."""
        root = self.said("docker", "info", "--format", "{{.DockerRootDir}}")
        return self.said("df", "-Pk", ".", *([root] if re.fullmatch(r"/[^\0\n]{0,500}", root) else [])).splitlines()[1:]

    def memory_bytes(self) -> int:
        said = self.said("cat", "/proc/meminfo")
        found = re.search(r"MemAvailable:\s+(\d{1,15}) kB", said)
        if not found:
            raise self.fault(f"/proc/meminfo says {quoted(said)}", "the kit needs a Linux host")
        memory = int(found[1]) * 1024
        if memory < _MEMORY_BYTES:
            wrong = f"{memory / 1e6:,.0f} MB of its memory are available, {_MEMORY_BYTES / 1e6:.0f} MB are needed"
            raise self.fault(
                wrong, "close other programs on it, the desktop first: sudo systemctl isolate multi-user.target"
            )
        return memory

    def clock_skew_s(self) -> float:
        """How far its clock is ahead of this machine's."""
        before = time.time()
        there = self.said("date", "+%s.%N")
        return round(float(there) - (before + time.time()) / 2, 3) if re.fullmatch(r"\d{1,12}\.\d+", there) else 0.0
