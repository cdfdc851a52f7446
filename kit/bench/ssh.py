"""A host reached by the system's OpenSSH: one connection, reused, with the user's own configuration, keys and agent."""

from __future__ import annotations

import secrets
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from kit import process
from kit.bench import refusal
from kit.bench.address import Address
from kit.bench.refusal import ConnectionLost
from kit.errors import KitError

_BROKEN = 255  # ssh's own exit code; all others are the remote program's
_LOGIN_S, ANSWER_S = 60.0, 120.0  # how long a login, and a short program there, may take


class Connection:
    """One connection to one host. Programs there are given as argv lists; their quoting is done here."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.sent_bytes = 0  # of what was fed to programs there; SSH's own share is not in it
        self._folder = Path(tempfile.mkdtemp(prefix="kit-"))
        self._control = f"ControlPath={self._folder / 's'}"  # a socket's path may have about 100 characters

    def __enter__(self) -> Connection:
        try:
            self._prove()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        with suppress(KitError):
            process.run([*self._ssh(), "-O", "exit", "--", self.address.host], timeout_s=_LOGIN_S)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _prove(self) -> None:
        """Programs there must run, and only what they print may come back: every later answer is read on that ground.

        Raises ConnectionLost, with what came instead.
        """
        marker = f"kit-{secrets.token_hex(8)}"
        try:
            done = self.run(["echo", marker], _LOGIN_S)
        except process.TimedOut as error:
            wrong = f"{self.address.host}: its login did not finish within {_LOGIN_S:.0f} s"
            remedy = f"look for what waits in ~/.bashrc or ~/.profile on it: {self.address.command('ssh')}"
            raise ConnectionLost(wrong, remedy) from error
        if (done.code, done.stdout) != (0, f"{marker}\n"):
            raise self._unclean(done, marker)

    def _unclean(self, done: process.Completed, marker: str) -> ConnectionLost:
        host, answered = self.address.host, marker in done.stdout
        said = quoted(done.stdout.replace(marker, "") + done.stderr)
        if answered:
            remedy = "on it, begin ~/.bashrc with: case $- in *i*) ;; *) return ;; esac"
            return ConnectionLost(f"{host}: its login prints {said} into every answer", remedy)
        return ConnectionLost(
            f"{host}: its login runs no programs, but says {said} (code {done.code})",
            "choose another user with --user, or give this one a shell, on it: sudo chsh -s /bin/bash USER",
        )

    def run(self, remote: Sequence[str], timeout_s: float = ANSWER_S) -> process.Completed:
        """Run a program there to its end. Raises ConnectionLost, with the reason, if the connection fails, and TimedOut."""
        with self._named(remote):
            return self._checked(process.run(self._argv(remote), timeout_s=timeout_s))

    def feed(
        self, remote: Sequence[str], chunks: Iterable[bytes], on_sent: Callable[[int], object] = lambda count: None
    ) -> process.Completed:
        """Run a program there, with `chunks` as its stdin. Raises ConnectionLost and TimedOut."""

        def count(size: int) -> None:
            self.sent_bytes += size
            on_sent(size)

        with self._named(remote):
            return self._checked(process.feed(self._argv(remote), chunks, count, ANSWER_S))

    def dialog(self, remote: Sequence[str]) -> process.Dialog:
        """A program there that answers lines with lines."""
        return process.Dialog(self._argv(remote))

    def _ssh(self) -> list[str]:
        return self.address.argv("ssh", self._control)

    def _argv(self, remote: Sequence[str]) -> list[str]:
        return [*self._ssh(), "--", self.address.host, shlex.join(remote)]

    def _checked(self, done: process.Completed) -> process.Completed:
        if done.code == _BROKEN:
            raise self.failure(done.stderr)
        return done

    def failure(self, stderr: str) -> ConnectionLost:
        """What the end of ssh's output means, and what to do."""
        return refusal.failure(self.address, stderr)

    @contextmanager
    def _named(self, remote: Sequence[str]) -> Iterator[None]:
        """Say which host and program a wait was for."""
        try:
            yield
        except process.TimedOut as error:
            wrong = error.wrong.removeprefix("ssh ")
            what = " ".join(remote[:3])
            remedy = "its disk or its engine may hang: look at it, then run the same command, which resumes"
            raise process.TimedOut(f"{self.address.host}: `{what}` {wrong}", remedy) from error


def quoted(said: str) -> str:
    """The first words of what came from elsewhere, on one line, in quotes."""
    words = " ".join(said.split())
    return f'"{words[:100]}{"…" if len(words) > 100 else ""}"' if words else "nothing"
