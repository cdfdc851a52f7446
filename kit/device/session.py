"""A container on a host that measures, and one that holds the governor. Both end by themselves when the kit is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec

from kit.device import process, remote
from kit.device.ssh import Link
from kit.errors import KitError

_BEAT_S = 5.0
_PATIENCE_S = 30  # of the containers: so long they live on without a word from here
_SILENCE_S = 900.0  # the longest that a single measurement may take
_SYS = "/host/sys"
_STATE = f"{remote.FOLDER}/governor.json"
_WARDEN = "/usr/share/kit/warden.py"


class _Container:
    """A container there, run by the host's own `docker` with its stdin and stdout at the end of the SSH connection."""

    def __init__(self, link: Link, options: Sequence[str], tag: str, arguments: Sequence[str]) -> None:
        self.link = link
        argv = ["docker", "run", "--rm", "--interactive", "--platform=linux/arm64", "--network=none", "--read-only",
                "--tmpfs=/tmp", "--security-opt=no-new-privileges", *options, "--entrypoint=/usr/bin/python3", tag, _WARDEN,
                *arguments, f"--sys={_SYS}", f"--patience={_PATIENCE_S}"]  # fmt: skip
        self.dialog = link.dialog(argv)
        self._over = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        while not self._over.wait(_BEAT_S):
            self.dialog.send('["beat"]')

    def receive(self, timeout_s: float = _SILENCE_S) -> dict[str, Any]:
        """Its next answer. Raises LinkLost or KitError where there is none."""
        line = self.dialog.receive(timeout_s)
        if line is None:
            raise self.failure(self.end())
        try:
            return msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            host = self.link.address.host
            raise KitError(f"{host}: its answer cannot be read ({error})", "the same command goes on from here") from error

    def failure(self, done: process.Finished) -> KitError:
        if done.code == 255 or (done.code < 0 and not done.stderr):
            return self.link.failure(done.stderr)
        host, reason = self.link.address.host, done.reason
        return KitError(f"{host}: the measuring container ended ({reason})", "check its engine; the same command goes on")

    def end(self) -> process.Finished:
        self._over.set()
        return self.dialog.end()


class Session:
    """Measures: no network, read-only, not root, no capability. The kit's files there are /work, read-only."""

    def __init__(self, link: Link, tag: str, emulated: bool) -> None:
        self.link, self.tag, self.emulated = link, tag, emulated

    def __enter__(self) -> Session:
        home, user = _home(self.link)
        options = [f"--user={user}", "--cap-drop=ALL", "--label=kit.role=bench", f"--volume={home}/{remote.FILES}:/work:ro",
                   f"--volume=/sys:{_SYS}:ro"]  # fmt: skip
        if self.emulated:  # qemu before 8.1 shows the host's processor; ai-edge-litert's look for an ARM core then crashes
            options.append("--tmpfs=/sys/devices/system/cpu")
        self._container = _Container(self.link, options, self.tag, ["serve"])
        return self

    def __exit__(self, *exception: Any) -> None:
        self._container.end()

    def abort(self) -> None:
        """End a running measurement, from another thread."""
        self._container.dialog.kill()

    def read(self) -> dict[str, Any]:
        """The device's readings now."""
        self._container.dialog.send("[]")
        reading: dict[str, Any] = self._container.receive()["gate"]
        return reading

    def ask(self, arguments: Sequence[str]) -> dict[str, Any]:
        """Run the agent in a fresh process. Returns its exit code, what it said, and the readings meanwhile (`gate`)."""
        self._container.dialog.send(msgspec.json.encode(list(arguments)).decode())
        return self._container.receive()


class Governor:
    """Holds the governor at performance where that is permitted, and puts the previous one back, also after a crash."""

    def __init__(self, link: Link, tag: str) -> None:
        self.link, self.tag = link, tag
        self.found: dict[str, Any] = {}

    def __enter__(self) -> Governor:
        self._container = _governing(self.link, self.tag, "performance")
        self.found = self._container.receive(60.0)
        return self

    def __exit__(self, *exception: Any) -> None:
        done = self._container.end()
        if done.code:
            with suppress(KitError):  # the link itself may be gone: then the container, or the next call, does it
                restore(self.link, self.tag)


def restore(link: Link, tag: str) -> None:
    """Put back the governor that an earlier, killed call changed."""
    if link.run(["test", "-e", _STATE]).code == 0:
        container = _governing(link, tag, "")
        container.receive(60.0)
        container.end()


def _governing(link: Link, tag: str, governor: str) -> _Container:
    """It runs as root, because only root may write there, and sees /sys and the kit's folder alone."""
    home, _ = _home(link)
    options = ["--user=0:0", "--label=kit.role=governor", f"--volume={home}/{remote.FOLDER}:/state", f"--volume=/sys:{_SYS}"]
    return _Container(link, options, tag, ["govern", f"--governor={governor}", "--state=/state/governor.json"])


def await_quiet(link: Link, patience_s: float = _PATIENCE_S + 10) -> None:
    """Wait until no container of an earlier call is left there. Raises KitError where another kit measures."""
    end = time.monotonic() + patience_s
    while link.run(["docker", "ps", "--quiet", "--filter", "label=kit.role"]).stdout.strip():
        if time.monotonic() > end:
            raise KitError(f"{link.address.host}: another kit measures there", "wait for it; two at once spoil both")
        time.sleep(1)


def _home(link: Link) -> tuple[str, str]:
    """The user's home there and the IDs that a container runs with: the user's own, for root those of nobody else."""
    home = link.run(["pwd"]).stdout.strip()
    uid, gid = link.run(["id", "-u"]).stdout.strip(), link.run(["id", "-g"]).stdout.strip()
    return home, "1000:1000" if uid == "0" else f"{uid}:{gid}"
