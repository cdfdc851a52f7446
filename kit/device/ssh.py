"""A host reached by the system's OpenSSH: one connection, reused, with the user's own configuration, keys and agent."""

from __future__ import annotations

import re
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from kit.device import process
from kit.errors import KitError

_BROKEN = 255  # what ssh itself ends with; all other codes are the remote program's
_OPTIONS = (
    "BatchMode=yes",  # never ask: a question in the middle of a table is a hang
    "StrictHostKeyChecking=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "ControlMaster=auto",
    "ControlPersist=60",  # after a kill -9 of the kit it is gone a minute later
    "LogLevel=ERROR",
)


class LinkLost(KitError):  # noqa: N818 - named for what happened
    """The connection is gone, or never came about."""


class Address(Struct, frozen=True):
    """Which host, and how to reach it. What is left empty, ssh takes from its configuration."""

    host: str
    user: str = ""
    port: int | None = None
    identity: Path | None = None
    config: Path | None = None

    @property
    def key(self) -> str:
        """The host's name with only [a-z0-9._-] in it, for files."""
        return re.sub(r"[^a-z0-9._-]+", "-", self.host.lower()).strip("-")

    def argv(self, program: str, *options: str) -> list[str]:
        """`ssh` with all that was given, ready for the host's name."""
        argv = [program]
        if self.config:
            argv += ["-F", str(self.config)]
        if self.user:
            argv += ["-l", self.user]
        if self.port:
            argv += ["-p", str(self.port)]
        if self.identity:
            argv += ["-i", str(self.identity), "-o", "IdentitiesOnly=yes"]
        return [*argv, *(part for option in (*options, *_OPTIONS) for part in ("-o", option))]


def parse(host: str, user: str, port: int | None, identity: Path | None, config: Path | None) -> Address:
    """The address of `host` or `user@host`. Raises KitError where it is none, or a file is missing."""
    before, _, name = host.rpartition("@")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:%-]*", name) or before.startswith("-") or user.startswith("-"):
        raise KitError(f"{host!r} is no host", "give a name from your SSH configuration, or one like pi@pi.local")
    for path, option in ((identity, "--identity"), (config, "--ssh-config")):
        if path and not path.is_file():
            raise KitError(f"no file at {path}", f"name an existing one with {option}")
    return Address(name, user or before, port, identity, config)


class Link:
    """One connection to one host. Programs there are given as argv lists; their quoting is done here."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.sent_bytes = 0  # of what was fed to programs there; SSH's own share is not in it
        self._folder = Path(tempfile.mkdtemp(prefix="kit-"))
        self._control = f"ControlPath={self._folder / 's'}"  # a socket's path may have about 100 characters

    def __enter__(self) -> Link:
        try:
            self.run(["true"])
        except KitError:
            self.close()
            raise
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        process.run([*self._ssh(), "-O", "exit", "--", self.address.host])
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, remote: Sequence[str], timeout_s: float | None = None) -> process.Finished:
        """Run a program there to its end. Raises LinkLost, with the reason, where the connection fails."""
        return self._checked(process.run(self._argv(remote), timeout_s=timeout_s))

    def feed(
        self, remote: Sequence[str], chunks: Iterable[bytes], on_sent: Callable[[int], object] = lambda count: None
    ) -> process.Finished:
        """Run a program there, with `chunks` as its stdin. Raises LinkLost."""

        def count(size: int) -> None:
            self.sent_bytes += size
            on_sent(size)

        return self._checked(process.feed(self._argv(remote), chunks, count))

    def dialog(self, remote: Sequence[str]) -> process.Dialog:
        """A program there that answers lines with lines."""
        return process.Dialog(self._argv(remote))

    def _ssh(self) -> list[str]:
        return self.address.argv("ssh", self._control)

    def _argv(self, remote: Sequence[str]) -> list[str]:
        return [*self._ssh(), "--", self.address.host, shlex.join(remote)]

    def _checked(self, done: process.Finished) -> process.Finished:
        if done.code == _BROKEN:
            raise self.failure(done.stderr)
        return done

    def failure(self, stderr: str) -> LinkLost:
        """What ssh's last words mean, and what to do."""
        host = self.address.host
        if "Host key verification failed" in stderr or "IDENTIFICATION HAS CHANGED" in stderr:
            return self._host_key(changed="IDENTIFICATION HAS CHANGED" in stderr)
        for pattern, wrong, remedy in _CAUSES:
            if re.search(pattern, stderr):
                return LinkLost(f"{host}: {wrong}", remedy)
        reason = next((line.strip() for line in reversed(stderr.splitlines()) if line.strip()), "it closed")
        return LinkLost(f"{host}: the connection broke ({reason})", "check its power and network; the same command goes on")

    def _host_key(self, changed: bool) -> LinkLost:
        host = self.address.host
        said = process.run([*self.address.argv("ssh", "ControlPath=none", "LogLevel=DEBUG1"), "--", host, "true"]).stderr
        seen = re.search(r"Server host key: (\S+) (\S+)", said)
        key = f"{seen[1]} {seen[2]}" if seen else "of unknown fingerprint"
        look = "compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` typed on the host itself"
        if changed:
            mend = f"if it was installed anew: {look}, then remove the old key: ssh-keygen -R {host}"
            return LinkLost(f"{host} shows another host key than before ({key})", mend)
        return LinkLost(f"{host} has a host key that is not known here ({key})", f"{look}, then accept it once: ssh {host}")


_CAUSES = (
    (r"Permission denied \(", "it accepts neither this user nor this key",
     "check --user and --identity, or: ssh-copy-id USER@HOST"),
    (r"Could not resolve hostname|Name or service not known", "no such name", "check the name, or give its address"),
    (r"Connection refused", "nothing listens there", "enable SSH on it (raspi-config), and check --port"),
    (r"Connection timed out|Operation timed out|No route to host|Network is unreachable",
     "it does not answer", "check its power and network; the same command goes on"),
    (r"UNPROTECTED PRIVATE KEY FILE|bad permissions", "ssh refuses the key file", "chmod 600 the file of --identity"),
    (r"Bad configuration option|terminating, \d+ bad", "the SSH configuration cannot be read", "mend it, see: ssh -G HOST"),
)  # fmt: skip
