"""What a bench shows while it runs: a live matrix on a terminal, else an occasional line."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

from rich.console import Group
from rich.live import Live

from kit import console
from kit.bench.progress import Progress

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


class BenchView:
    """Cells down, devices and series across; how many processes are done of how many, and about how long is left. Called
    from the threads of several devices.
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

    def __enter__(self) -> BenchView:
        if console.is_live():
            self._live = self._stack.enter_context(
                Live(get_renderable=self.render, console=console.out, refresh_per_second=2)
            )
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def __call__(self, progress: Progress) -> None:
        with self._lock:
            if progress.state == "sending":
                self._sent(progress)
                return
            column, what = (progress.where, progress.series), progress.state
            self.sending.pop(progress.where, None)
            if self._began is None and what == "running":
                self._began, self._resumed = time.monotonic(), self._done()
            _, before = self.cells[column, progress.name]
            ended = what in ("done", "fresh", "failed")
            self.cells[column, progress.name] = (what, self.processes if ended else progress.done or before)
            if self._live is None:
                self._line(progress)

    def _sent(self, progress: Progress) -> None:
        sent_mb, all_mb, rate_mb = progress.done / 1e6, progress.total / 1e6, progress.rate / 1e6
        text = f"{progress.where}: sends {progress.name}, {sent_mb:.1f} of {all_mb:.1f} MB, {rate_mb:.1f} MB/s"
        if rate_mb and sent_mb < all_mb:
            text += f", about {console.duration((all_mb - sent_mb) / rate_mb)} left"
        self.sending[progress.where] = text
        if self._live is None and (sent_mb == all_mb or time.monotonic() - self._last_line > _LINE_EVERY_S):
            self._last_line = time.monotonic()
            console.say(f"{time.strftime('%H:%M:%S')} {text}")

    def _line(self, progress: Progress) -> None:
        """A line for each end and each fault, and an occasional one for progress."""
        now, what = time.monotonic(), progress.state
        if what not in ("done", "failed", "again", "cooling") and now - self._last_line < _LINE_EVERY_S:
            return
        self._last_line = now
        named = f"{progress.where} {progress.series} {progress.name}"
        console.say(f"{time.strftime('%H:%M:%S')} {named} {what} ({self.summary()})")

    def _done(self) -> int:
        return sum(done for _, done in self.cells.values())

    def summary(self) -> str:
        total, done = len(self.cells) * self.processes, self._done()
        text = f"{done}/{console.counted(total, 'process', 'processes')}"
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
        return Group(console.table(headers, rows), *map(console.harmless, lines))
