"""The one place from which other programs are started: an argv list, never a shell."""

from __future__ import annotations

import queue
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

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


def feed(
    argv: Sequence[str | Path], chunks: Iterable[bytes], on_sent: Callable[[int], object] = lambda count: None
) -> Finished:
    """Run a program and write `chunks` to its stdin; `on_sent` is told the size of each that it took."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, _open(argv, out, err) as process:
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it ended early: its exit code and its last words say why
            for chunk in chunks:
                process.stdin.write(chunk)
                process.stdin.flush()
                on_sent(len(chunk))
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.wait()
        return Finished(process.returncode, _text(out), _text(err))


def start(argv: Sequence[str | Path], log: Path) -> int:
    """Start a program that outlives this one; what it prints goes to `log`. Returns its process ID."""
    with log.open("ab") as stream:
        process = subprocess.Popen(  # noqa: S603 - argv is a list that the kit made
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True,
        )  # fmt: skip
    process.returncode = 0  # it is not waited for
    return process.pid


class Dialog:
    """A program that answers each line with a line. Leaving the `with` block ends it."""

    def __init__(self, argv: Sequence[str | Path]) -> None:
        self._err = tempfile.TemporaryFile()  # noqa: SIM115 - `end` closes it
        self._process = _open(argv, subprocess.PIPE, self._err)
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._writing = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.decode(errors="replace"))
        self._lines.put(None)

    def send(self, line: str) -> None:
        """Write a line; one that nobody reads any more is lost, and the next `receive` says so."""
        assert self._process.stdin is not None
        with self._writing, suppress(OSError, ValueError):
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def receive(self, timeout_s: float) -> str | None:
        """The next line, or None where the program ended or said nothing for `timeout_s`."""
        try:
            return self._lines.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def kill(self) -> None:
        """End it at once; the next `receive` returns None."""
        self._process.kill()

    def end(self, patience_s: float = 10.0) -> Finished:
        """Close its stdin, wait for its end, and say how it ended; after `patience_s` it is killed."""
        assert self._process.stdin is not None
        with self._writing, suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None and not self._err.closed:
            text = _text(self._err)
            self._err.close()
            return Finished(self._process.returncode, "", text)
        return Finished(self._process.returncode, "", "")


def _open(argv: Sequence[str | Path], out: Any, err: Any) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - argv is a list that the kit made
            [str(part) for part in argv], stdin=subprocess.PIPE, stdout=out, stderr=err
        )
    except FileNotFoundError as error:
        raise KitError(f"{argv[0]} is not installed", f"install {argv[0]}") from error


def _text(stream: Any) -> str:
    stream.seek(0)
    return str(stream.read().decode(errors="replace"))
