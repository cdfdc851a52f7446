"""What a bench on hosts shows while it works: a live matrix on a terminal, else a line now and then."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.text import Text

from kit import console

_MARKS = {
    "waiting": "",
    "running": "▸",
    "done": "✓",
    "fresh": "=",
    "failed": "✗",
    "cooling": "❄",
    "again": "↻",
    "parity": "≟",
}
_LINE_EVERY_S = 10.0


class HostView:
    """Cells down, hosts and series across; how many processes are done of how many, and about how long it still takes.

    Told from the threads of several hosts.
    """

    def __init__(self, names: list[str], columns: list[tuple[str, str]], processes: int) -> None:
        self.names, self.columns, self.processes = names, columns, processes
        self.cells = {(column, name): ("waiting", 0) for column in columns for name in names}
        self.sending: dict[str, str] = {}
        self._lock, self._stack = threading.Lock(), ExitStack()
        self._live: Live | None = None
        self._began: float | None = None
        self._resumed = 0
        self._last_line = 0.0

    def __enter__(self) -> HostView:
        if console.out.is_terminal:
            self._live = self._stack.enter_context(
                Live(get_renderable=self.render, console=console.out, refresh_per_second=2)
            )
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stack.close()

    def __call__(self, host: str, series: str, name: str, what: str, done: int, total: int) -> None:
        with self._lock:
            if not series:
                self._sent(host, name, what, done, total)
                return
            self.sending.pop(host, None)
            if self._began is None and what == "running":
                self._began, self._resumed = time.monotonic(), self._done()
            _, before = self.cells[(host, series), name]
            self.cells[(host, series), name] = (
                what,
                self.processes if what in ("done", "fresh", "failed") else done or before,
            )
            if self._live is None:
                self._line(host, series, name, what)

    def _sent(self, host: str, name: str, rate: str, done: int, total: int) -> None:
        text = f"{host}: sends {name}, {done / 1e6:.1f} of {total / 1e6:.1f} MB, {rate}"
        rate_mb = float(rate.split(maxsplit=1)[0])
        if rate_mb and done < total:
            text += f", about {console.duration((total - done) / 1e6 / rate_mb)} left"
        self.sending[host] = text
        if self._live is None and (done == total or time.monotonic() - self._last_line > _LINE_EVERY_S):
            self._last_line = time.monotonic()
            console.say(f"{time.strftime('%H:%M:%S')} {text}")

    def _line(self, host: str, series: str, name: str, what: str) -> None:
        """Each end and each fault is a line, progress one now and then."""
        now = time.monotonic()
        if what not in ("done", "failed", "again", "cooling") and now - self._last_line < _LINE_EVERY_S:
            return
        self._last_line = now
        console.say(f"{time.strftime('%H:%M:%S')} {host} {series} {name} {what} ({self.summary()})")

    def _done(self) -> int:
        return sum(done for _, done in self.cells.values())

    def summary(self) -> str:
        total, done = len(self.cells) * self.processes, self._done()
        text = f"{done}/{total} processes"
        if self._began is not None and done > self._resumed and done < total:
            elapsed_s = time.monotonic() - self._began
            text += f", about {console.duration(elapsed_s * (total - done) / (done - self._resumed))} left"
        return text

    def render(self) -> Group:
        rows = []
        for name in self.names:
            row = [name]
            for column in self.columns:
                what, done = self.cells[column, name]
                row.append(
                    f"{_MARKS.get(what, what)} {'' if what in ('fresh', 'failed') else f'{done}/{self.processes}'}".strip()
                )
            rows.append(row)
        headers = ["cell", *(" ".join(column) for column in self.columns)]
        lines = [*self.sending.values(), self.summary()]
        return Group(console.table(headers, rows), *(Text(line) for line in lines))
