"""The one place from which other programs are started: an argv list, never a shell."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from kit.errors import KitError


class Finished(Struct, frozen=True):
    """How a program ended, and what it printed."""

    code: int
    stdout: str
    stderr: str

    @property
    def reason(self) -> str:
        """The last line that it complained with."""
        return (self.stderr.strip().splitlines() or self.stdout.strip().splitlines() or ["no reason given"])[-1]


def run(argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, timeout_s: float | None = None) -> Finished:
    """Run a program to its end. Raises KitError where it is not installed or takes longer than `timeout_s`."""
    try:
        done = subprocess.run(  # noqa: S603 - argv is a list that the kit made
            [str(part) for part in argv],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=env,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError as error:
        raise KitError(f"{argv[0]} is not installed", f"install {argv[0]}") from error
    except subprocess.TimeoutExpired as error:
        raise KitError(f"{argv[0]} did not end within {timeout_s:.0f} s", "try again") from error
    return Finished(done.returncode, done.stdout, done.stderr)


def stream(argv: Sequence[str | Path], on_line: Callable[[str], object], *, env: Mapping[str, str] | None = None) -> int:
    """Run a program, hand each line that it prints (stdout and stderr together) to `on_line`, and return its exit code."""
    try:
        process = subprocess.Popen(  # noqa: S603 - argv is a list that the kit made
            [str(part) for part in argv],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            env=env,
        )
    except FileNotFoundError as error:
        raise KitError(f"{argv[0]} is not installed", f"install {argv[0]}") from error
    assert process.stdout is not None
    with process:
        try:
            for line in process.stdout:
                on_line(line.rstrip("\n"))
        except BaseException:
            process.terminate()
            raise
    return process.returncode
