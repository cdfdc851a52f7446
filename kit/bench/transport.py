"""Where a bench measures: on this machine, or on a host over SSH. Everything else is the same for both."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from kit import process
from kit.bench import preflight, session, ship
from kit.bench.address import Address
from kit.bench.dialogue import PATIENCE_S, Monitor
from kit.bench.progress import OnProgress
from kit.bench.ssh import Connection
from kit.bench.values import Device, Governor
from kit.errors import KitError
from kit.runs import environment

LOCAL = "local"
WORKER = Path(__file__).parent / "worker"
_UNTOUCHED = Governor()


@dataclass(frozen=True)
class ReadyDevice:
    """A device ready to measure: its monitor, what it is, and the paths of the files there, by their SHA-256.

    `origin` is device, local or emulated; `output` is a file there that the agent may write.
    """

    monitor: Monitor
    origin: str
    device: Device
    files: Mapping[str, str]
    output: str
    governor: Governor = _UNTOUCHED
    shipped: ship.Shipped | None = None


class Transport(Protocol):
    """How to reach a device. `where` is its name for people, `key` the one for files. `model` is what this machine is, which
    has no name of its own; empty for a host."""

    @property
    def where(self) -> str: ...

    @property
    def key(self) -> str: ...

    @property
    def model(self) -> str: ...

    def open(
        self, files: Mapping[str, Path], on_progress: OnProgress, clock_mhz: int = 0
    ) -> AbstractContextManager[ReadyDevice]:
        """Make the device ready to measure `files` (by SHA-256), its clock pinned unless that is 0. Raises KitError if it
        cannot measure."""


@dataclass(frozen=True)
class Local:
    """This machine: the monitor is a child process, the files stay where they are, the governor is only read.

    Where the device tree names a board, such as a Raspberry Pi, it is a device like one behind SSH.
    """

    sys_folder: Path = Path("/sys")
    where: str = LOCAL
    key: str = LOCAL

    @cached_property
    def model(self) -> str:
        return self.described()[1].model

    @contextmanager
    def open(self, files: Mapping[str, Path], on_progress: OnProgress, clock_mhz: int = 0) -> Iterator[ReadyDevice]:
        if clock_mhz:
            raise KitError("only a host's clock can be pinned", "leave --clock out, or name a host with --host")
        argv: list[str | Path] = [
            sys.executable,
            WORKER / "monitor.py",
            "serve",
            f"--sys={self.sys_folder}",
            f"--patience={PATIENCE_S}",
        ]
        origin, device = self.described()
        paths = {digest: str(path.resolve()) for digest, path in files.items()}
        monitor = Monitor(process.Dialog(argv), self.where, _ended)
        with tempfile.TemporaryDirectory(prefix="kit-") as scratch:
            try:
                yield ReadyDevice(monitor, origin, device, paths, f"{scratch}/probabilities.npy")
            finally:
                monitor.end()

    def described(self) -> tuple[str, Device]:
        """The origin of what is measured here, and the device."""
        tree = self.sys_folder / preflight.DEVICE_TREE
        model = tree.read_text(errors="replace").rstrip("\0\n") if tree.is_file() else ""
        is_board = bool(model) and not preflight.is_virtual(model)
        name = model if is_board else environment.processor()
        kernel = f"{platform.system()} {platform.release()}"
        return "device" if is_board else LOCAL, Device(name, kernel, platform.machine(), "", os.cpu_count())


def _ended(done: process.Completed) -> KitError:
    return KitError(f"the measuring process ended ({done.reason})", "the same command resumes")


@dataclass(frozen=True)
class Ssh:
    """A host: missing files are sent, one container measures, another one holds the governor."""

    address: Address
    tag: str = "kit-pi:arm64"

    @property
    def where(self) -> str:
        return self.address.host

    @property
    def key(self) -> str:
        return self.address.key

    @property
    def model(self) -> str:
        return ""

    @contextmanager
    def open(self, files: Mapping[str, Path], on_progress: OnProgress, clock_mhz: int = 0) -> Iterator[ReadyDevice]:
        with Connection(self.address) as connection:
            facts = preflight.facts(connection)
            session.await_quiet(connection)
            sent = ship.send(connection, files, on_progress, self.tag)
            with (
                session.GovernorHeld(connection, self.tag, clock_mhz) as governor,
                session.Session(connection, self.tag, facts.emulated) as monitor,
            ):
                names = {digest: digest for digest in files}
                yield ReadyDevice(monitor, facts.origin, facts.device, names, "/tmp/probabilities.npy", governor, sent)  # noqa: S108 - the container's own
