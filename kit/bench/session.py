"""A container that measures on a host, and one that holds the governor. Both end on their own once the kit is gone."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import suppress

from kit import causes, process
from kit.bench import transfer
from kit.bench.dialogue import PATIENCE_S, Monitor
from kit.bench.ssh import Connection, quoted
from kit.bench.values import Governor
from kit.errors import KitError

_SYS = "/host/sys"
_STATE = f"{transfer.FOLDER}/governor.json"
_MONITOR = "/usr/share/kit/monitor.py"


class Session:
    """Measures: no network, read-only, not root, no capability. The kit's files there are /work, read-only."""

    def __init__(self, connection: Connection, tag: str, emulated: bool) -> None:
        self.connection, self.tag, self.emulated = connection, tag, emulated

    def __enter__(self) -> Monitor:
        home, user = _home(self.connection)
        options = [f"--user={user}", "--cap-drop=ALL", "--label=kit.role=bench",
                   f"--volume={home}/{transfer.FILES}:/work:ro", f"--volume=/sys:{_SYS}:ro"]  # fmt: skip
        arguments = ["serve"]
        if self.emulated:  # qemu before 8.1 shows the host's processor; ai-edge-litert's look for an ARM core then crashes
            options.append("--tmpfs=/sys/devices/system/cpu")
            arguments.append("--poll=0.1")  # nothing is measured here, and nothing polls
        self._monitor = _container(self.connection, [*options, *_mailbox(self.connection)], self.tag, arguments)
        return self._monitor

    def __exit__(self, *exception: object) -> None:
        self._monitor.end()


def _mailbox(connection: Connection) -> list[str]:
    """Options that let a container ask the firmware of a Raspberry Pi; none where there is no mailbox."""
    said = connection.run(["stat", "-c", "%F %g", "/dev/vcio"]).stdout.strip()
    found = re.fullmatch(r"character special file ([0-9]{1,10})", said)
    return ["--device=/dev/vcio:/dev/vcio:r", f"--group-add={found[1]}"] if found else []


class GovernorHeld:
    """Holds the governor at performance if permitted, and the clock at `clock_mhz` unless that is 0; restores the previous
    ones, even after a crash. Raises KitError if the clock cannot be pinned: other numbers than asked for would come."""

    def __init__(self, connection: Connection, tag: str, clock_mhz: int = 0) -> None:
        self.connection, self.tag, self.clock_mhz = connection, tag, clock_mhz

    def __enter__(self) -> Governor:
        self._monitor = _governing(self.connection, self.tag, "performance", self.clock_mhz)
        held = self._monitor.receive(Governor, 60.0)
        pinned = [path for path in held.previous if path.endswith("scaling_max_freq")]
        if self.clock_mhz and (not pinned or set(pinned) & set(held.refused)):
            self.__exit__()
            wrong = f"{self.connection.address.host}: its clock cannot be pinned to {self.clock_mhz} MHz"
            raise KitError(wrong, "on it: cat /sys/devices/system/cpu/cpu0/cpufreq/scaling_available_frequencies")
        return held

    def __exit__(self, *exception: object) -> None:
        if self._monitor.end().code:
            with suppress(KitError):  # the connection itself may be gone: then the container, or the next call, does it
                restore(self.connection, self.tag)


def restore(connection: Connection, tag: str) -> None:
    """Restore the governor that an earlier, killed call changed."""
    if connection.run(["test", "-e", _STATE]).code == 0:
        monitor = _governing(connection, tag, "")
        monitor.receive(dict[str, object], 60.0)
        monitor.end()


def _governing(connection: Connection, tag: str, governor: str, clock_mhz: int = 0) -> Monitor:
    """It runs as root, because only root may write there, and sees /sys and the kit's folder alone."""
    home, _ = _home(connection)
    options = [
        "--user=0:0",
        "--label=kit.role=governor",
        f"--volume={home}/{transfer.FOLDER}:/state",
        f"--volume=/sys:{_SYS}",
    ]
    wanted = [f"--governor={governor}", *([f"--clock-khz={clock_mhz * 1000}"] if clock_mhz else [])]
    return _container(connection, options, tag, ["govern", *wanted, "--state=/state/governor.json"])


def _container(connection: Connection, options: Sequence[str], tag: str, arguments: Sequence[str]) -> Monitor:
    """A monitor in a container there, run by the host's own `docker` with its stdin and stdout at the end of SSH."""
    argv = ["docker", "run", "--rm", "--interactive", "--platform=linux/arm64", "--network=none", "--read-only",
            "--tmpfs=/tmp", "--security-opt=no-new-privileges", *options, "--entrypoint=/usr/bin/python3", tag, _MONITOR,
            *arguments, f"--sys={_SYS}", f"--patience={PATIENCE_S}"]  # fmt: skip
    return Monitor(connection.dialog(argv), connection.address.host, lambda done: _failure(connection, done))


def _failure(connection: Connection, done: process.Completed) -> KitError:
    if done.code == 255 or (done.code < 0 and not done.stderr):
        return connection.failure(done.stderr)
    if "unrecognized arguments" in done.stderr:
        wrong = f"{connection.address.host}: the Pi image is of another kit ({done.reason})"
        return KitError(wrong, "kit build pi; then run the same command")
    _, remedy = causes.engine(done.stderr) or ("", "check its engine")
    remedy += "; the same command resumes"
    return KitError(f"{connection.address.host}: the measuring container ended ({done.reason})", remedy)


def await_quiet(connection: Connection, patience_s: float = PATIENCE_S + 10) -> None:
    """Wait until no container of an earlier call is left there. Raises KitError if another kit measures."""
    end = time.monotonic() + patience_s
    while connection.run(["docker", "ps", "--quiet", "--filter", "label=kit.role"]).stdout.strip():
        if time.monotonic() > end:
            raise KitError(
                f"{connection.address.host}: another kit is measuring on it", "wait until it ends: two at once spoil both"
            )
        time.sleep(1)


def _home(connection: Connection) -> tuple[str, str]:
    """The user's home there and the IDs that a container runs with: the user's own, for root those of nobody else."""
    said = [connection.run(argv).stdout.strip() for argv in (["pwd"], ["id", "-u"], ["id", "-g"])]
    home, uid, gid = said
    if not re.fullmatch(r"/[^:\0\n]*", home) or not re.fullmatch(r"[0-9]{1,10} [0-9]{1,10}", f"{uid} {gid}"):
        came = quoted(", ".join(said))
        raise KitError(f"{connection.address.host}: it does not tell home and user, but says {came}", "on it: pwd; id")
    return home, "1000:1000" if uid == "0" else f"{uid}:{gid}"
