"""The conversation with a monitor, wherever it runs: readings, and the agent in a fresh process for each measurement."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct

from kit import process
from kit.bench.values import Answer, Reading
from kit.errors import KitError

_BEAT_S = 5.0
PATIENCE_S = 30  # how long a monitor keeps running without a message from here
_READING_S = 60.0
_SILENCE_S = 900.0  # the longest that a single measurement may take

T = TypeVar("T")


class _Said(Struct, frozen=True):
    reading: Reading


class Monitor:
    """A monitor at the other end of `dialog`. `failure` turns how it ended into an error."""

    def __init__(self, dialog: process.Dialog, where: str, failure: Callable[[process.Completed], KitError]) -> None:
        self.dialog, self.where, self._failure = dialog, where, failure
        self._over = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        while not self._over.wait(_BEAT_S):
            self.dialog.send('["beat"]')

    def receive(self, kind: type[T], timeout_s: float = _SILENCE_S) -> T:
        """Its next answer. If there is none, or none of this `kind`: ends it, and raises ConnectionLost or KitError."""
        try:
            line = self.dialog.receive(timeout_s)
        except process.TimedOut as error:
            self.end()
            wrong = f"{self.where}: the measuring process gave {error.wrong}"
            raise KitError(wrong, "look at what else runs there; the same command resumes") from error
        if line is None:
            raise self._failure(self.end())
        try:
            return msgspec.json.decode(line, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.end()
            remedy = "rebuild the Pi image with `kit build pi`, then run the same command"
            said = " ".join(line[:100].split())
            raise KitError(f'{self.where}: cannot read its answer ({error}): "{said}"', remedy) from error

    def read(self) -> Reading:
        """The device's readings now."""
        self.dialog.send("[]")
        return self.receive(_Said, _READING_S).reading

    def ask(self, arguments: Sequence[str]) -> Answer:
        """Run the agent in a fresh process."""
        self.dialog.send(msgspec.json.encode(list(arguments)).decode())
        return self.receive(Answer)

    def abort(self) -> None:
        """End a running measurement, from another thread."""
        self.dialog.terminate()

    def end(self) -> process.Completed:
        self._over.set()
        return self.dialog.end()
