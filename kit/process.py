"""The one place that starts other programs: from an argv list, never through a shell."""

from __future__ import annotations

import os
import queue
import select
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from msgspec import Struct

from kit import causes
from kit.errors import KitError

PATIENCE_S = 1800.0  # for a program that nobody gives less: an engine may hang, and nothing waits for ever
_LONGEST_LINE = 64_000_000  # bytes: what others say without an end must not fill the memory


class TimedOut(KitError):  # noqa: N818 - named for what happened
    """A program did not end, or did not say anything, within its time."""


class Completed(Struct, frozen=True):
    """How a program ended, and what it printed."""

    code: int
    stdout: str
    stderr: str

    @property
    def reason(self) -> str:
        """The last line of its stderr, or of its stdout, or how it ended."""
        ended = f"killed by signal {-self.code}" if self.code < 0 else f"no reason given, code {self.code}"
        return causes.last_line(self.stderr, causes.last_line(self.stdout, ended))


def run(argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, timeout_s: float = PATIENCE_S) -> Completed:
    """Run a program to its end. Raises KitError if it is not installed, TimedOut if it takes longer than `timeout_s`."""
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
        raise TimedOut(
            f"{argv[0]} did not finish within {timeout_s:.0f} s", "see what it waits for, then try again"
        ) from error
    return Completed(done.returncode, done.stdout, done.stderr)


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
    argv: Sequence[str | Path],
    chunks: Iterable[bytes],
    on_sent: Callable[[int], object] = lambda count: None,
    patience_s: float = 120.0,
) -> Completed:
    """Run a program and write `chunks` to its stdin; `on_sent` is called with the size of each one that it took.

    Raises TimedOut if it takes nothing, or does not end after the last one, for `patience_s`.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, _open(argv, out, err) as process:
        assert process.stdin is not None
        try:
            with suppress(BrokenPipeError):  # it ended early: its exit code and the end of its output say why
                for chunk in chunks:
                    _write(process.stdin.fileno(), chunk, patience_s)
                    on_sent(len(chunk))
            process.stdin.close()
            process.wait(patience_s)
        except (TimedOut, subprocess.TimeoutExpired):
            process.kill()
            raise TimedOut(f"{argv[0]} took nothing for {patience_s:.0f} s", "try again") from None
        except BaseException:
            process.kill()
            raise
        return Completed(process.returncode, _text(out), _text(err))


def _write(pipe: int, chunk: bytes, patience_s: float) -> None:
    """Write all of `chunk`. Raises TimedOut if nobody reads for `patience_s`."""
    os.set_blocking(pipe, False)
    rest = memoryview(chunk)
    while rest:
        if not select.select([], [pipe], [], patience_s)[1]:
            raise TimedOut("nobody reads", "try again")
        rest = rest[os.write(pipe, rest) :]


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
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        while line := self._process.stdout.readline(_LONGEST_LINE):
            self._lines.put(line.decode(errors="replace"))
        self._lines.put(None)

    def send(self, line: str) -> None:
        """Write a line; if nobody reads it any more it is lost, and the next `receive` says so."""
        assert self._process.stdin is not None
        with self._writing, suppress(OSError, ValueError):
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def receive(self, timeout_s: float) -> str | None:
        """The next line, or None if the program has ended. Raises TimedOut if it says nothing for `timeout_s`."""
        try:
            return self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise TimedOut(f"no answer for {timeout_s:.0f} s", "try again") from None

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def terminate(self) -> None:
        """Terminate it at once; the next `receive` returns None."""
        self._process.terminate()

    def end(self, patience_s: float = 10.0) -> Completed:
        """Close its stdin, wait for its end, and say how it ended; after `patience_s` it is killed."""
        assert self._process.stdin is not None
        with self._writing, suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(patience_s)
        if self._process.stdout is None or self._err.closed:
            return Completed(self._process.returncode, "", "")
        text = _text(self._err)
        self._err.close()
        if not self._reader.is_alive():
            self._process.stdout.close()
        return Completed(self._process.returncode, "", text)


def _open(argv: Sequence[str | Path], out: int | IO[bytes], err: int | IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - argv is a list that the kit made
            [str(part) for part in argv], stdin=subprocess.PIPE, stdout=out, stderr=err
        )
    except FileNotFoundError as error:
        raise KitError(f"{argv[0]} is not installed", f"install {argv[0]}") from error


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode(errors="replace")
