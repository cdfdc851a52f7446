"""Which host is meant, and how ssh is told to reach it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from msgspec import Struct

from kit.errors import KitError

_OPTIONS = (
    "BatchMode=yes",  # never prompt: a prompt in the middle of a table looks like a hang
    "StrictHostKeyChecking=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "ControlMaster=auto",
    "ControlPersist=60",  # after a kill -9 of the kit it ends within a minute
    "LogLevel=ERROR",
)


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
        argv = [program, *self._given()]
        if self.user:
            argv += ["-l", self.user]
        if self.identity:
            argv += ["-o", "IdentitiesOnly=yes"]
        return [*argv, *(part for option in (*options, *_OPTIONS) for part in ("-o", option))]

    def command(self, program: str) -> str:
        """What a user types to reach the same host in the same way: `ssh` or `ssh-copy-id`, ready to paste."""
        return shlex.join([program, *self._given(), f"{self.user}@{self.host}" if self.user else self.host])

    def _given(self) -> list[str]:
        given = ["-F", str(self.config)] if self.config else []
        given += ["-p", str(self.port)] if self.port else []
        return given + (["-i", str(self.identity)] if self.identity else [])


def parse(host: str, user: str, port: int | None, identity: Path | None, config: Path | None) -> Address:
    """The address of `host` or `user@host`. Raises KitError if it is none, or a file is missing."""
    before, _, name = host.rpartition("@")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:%-]*", name) or before.startswith("-") or user.startswith("-"):
        raise KitError(f"{host!r} is not a host", "use a name from your SSH configuration, or one like pi@pi.local")
    for path, option in ((identity, "--identity"), (config, "--ssh-config")):
        if path and not path.is_file():
            raise KitError(f"no file at {path}", f"check the path given with {option}")
    return Address(name, user or before, port, identity, config)
