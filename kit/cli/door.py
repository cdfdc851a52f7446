"""The one door out of every command: whatever ends it becomes one line on stderr and an exit code."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from typer._click.exceptions import ClickException, NoArgsIsHelpError, NoSuchOption, UsageError

from kit import console
from kit.causes import system
from kit.cli import live
from kit.errors import KitError, nearest

_OUTPUT = "standard output"
_INSTALL = "pip install 'mobile-cnn-kit[train,bench,report,docker,cluster]'"


def leave(run: Callable[..., object]) -> None:
    """Run a command, and leave: 0 if all is well, 1 after an error, 130 if the user stopped it, 2 for the help alone."""
    _have_streams()
    _tolerate_any_locale()
    _have_a_home()
    try:
        code = run(standalone_mode=False)
        sys.stdout.flush()
    except SystemExit:
        raise
    except BaseException as error:
        if "--debug" in sys.argv and not isinstance(error, ClickException):
            raise
        code = _said(error)
    sys.exit(code if isinstance(code, int) else 0)


class _Output(io.TextIOWrapper):
    """Standard output. An error of it names it: one without a name may be of any file."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        lines, through = stream.line_buffering, stream.write_through
        super().__init__(stream.buffer, stream.encoding, stream.errors, line_buffering=lines, write_through=through)
        self._stream = stream  # which closes the buffer when it goes

    def write(self, text: str) -> int:
        with _named():
            return super().write(text)

    def flush(self) -> None:
        with _named():
            super().flush()


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        error.filename = _OUTPUT
        raise


def _have_streams() -> None:
    """What is written to a stream that the shell closed (`>&-`) is lost, as in /dev/null."""
    sys.stdout, sys.stderr = (s or Path(os.devnull).open("w") for s in (sys.stdout, sys.stderr))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = _Output(sys.stdout)


def _tolerate_any_locale() -> None:
    """Where the terminal's encoding has no ✓, print a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _have_a_home() -> None:
    """A user without an entry in passwd and without HOME, as `docker run --user` makes one, has the temporary folder."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = tempfile.gettempdir()


def _said(error: BaseException) -> int:
    """Say what ended the command, in one line; returns the exit code."""
    if isinstance(error, NoArgsIsHelpError):
        error.show()
        return error.exit_code
    line = line_of(error)
    if line is None:
        raise error
    if isinstance(error, OSError) and error.filename == _OUTPUT:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left in the buffer would fail again at exit
    console.complain(line)
    return 130 if line == "stopped" or isinstance(error, live.Stopped) else 1


def line_of(error: BaseException) -> str | None:
    """What to say of an error; None if it is the kit's own fault."""
    known: tuple[tuple[type[BaseException], Callable[[Any], str | None]], ...] = (
        (KitError, str),
        (UsageError, _of_usage),
        (ClickException, lambda error: str(KitError(error.format_message()))),
        (typer.Abort, _of_abort),
        (KeyboardInterrupt, lambda error: "stopped"),
        (ModuleNotFoundError, lambda error: f"{error.name} is not installed: {_INSTALL}"),
        (OSError, _of_system),
        (EOFError, lambda error: "a process of the kit was killed, probably out of memory: use --workers 1"),
        (MemoryError, lambda error: "out of memory: close other programs, or use --workers 1"),
        (RecursionError, lambda error: "a file is nested too deeply: it is not one of the kit's"),
        (RuntimeError, _of_threads),
    )
    return next((say(error) for kind, say in known if isinstance(error, kind)), None)


def _of_abort(error: typer.Abort) -> str | None:
    """typer takes the end of a pipe for Ctrl-D."""
    return line_of(error.__cause__) if isinstance(error.__cause__, EOFError) else "stopped"


def _of_threads(error: RuntimeError) -> str | None:
    is_theirs = "new thread" in str(error)
    return "the system allows no more threads: use --workers 1, or raise `ulimit -u`" if is_theirs else None


def _of_system(error: OSError) -> str:
    """The system's reason, with the path that it is about."""
    reason = error.strerror or str(error) or type(error).__name__
    where = f"{os.fsdecode(error.filename)}: {reason}" if error.filename is not None else reason
    if error.filename == _OUTPUT:
        where = f"{_OUTPUT} cannot be written ({reason})"
    return str(KitError(where, system(error)))


def _of_usage(error: UsageError) -> str:
    """What is wrong with the words of a command, the nearest name, and an example."""
    message = error.message if isinstance(error, NoSuchOption) else error.format_message()
    words = message.partition(" Did you mean")[0].strip().rstrip(".")
    wrong, context = words[:1].lower() + words[1:], error.ctx
    if context is None:
        return wrong
    if "--debug" in words:
        return str(KitError("--debug goes before the command", "for example: kit --debug status runs/short"))
    known = list(error.possibilities or ()) if isinstance(error, NoSuchOption) else []
    commands = getattr(context.command, "commands", {})
    tried = next((word for word in sys.argv[1:] if f"'{word}'" in message), "") if commands else ""
    near = known[:1] or nearest(tried, commands)
    hint = f"did you mean {near[0]}? " if near else ""
    example = (context.command.epilog or "").removeprefix("Example: ").removeprefix("Start with: ")
    remedy = f"{hint}for example: {example}" if example else f"{hint}see `{context.command_path} --help`"
    return str(KitError(wrong, remedy))
