"""The state of every task while a run is in progress, and how it is shown: live, as plain lines, or from another
terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
from msgspec import Struct
from rich.console import Group
from rich.live import Live

from kit import console, store
from kit.runs.run import Run
from kit.runs.stage import State
from kit.stages.standing import MADE_FROM
from kit.workflow.graph import Graph, Task, estimate_s
from kit.workflow.stages import ORDER, of_preset
from kit.workflow.standing import findings

FILE = ".progress.json"
_MARKS = {
    "waiting": "·",
    "running": "▸",
    "fresh": "=",
    "older": "≈",
    "stale": "!",
    "done": "✓",
    "failed": "✗",
    "blocked": "–",
}
_MEANINGS = {
    "waiting": "missing",
    "running": "running",
    "fresh": "up to date",
    "older": "up to date, by an earlier version",
    "stale": "stale",
    "done": "done",
    "failed": "failed",
    "blocked": "not done, because what it needs failed",
}
_OPEN = ("waiting", "stale", "running")
_LINE_EVERY_S = 30.0
_SAVE_EVERY_S = 2.0
_BELIEVED_S = 300.0  # after this much finished work, measured times weigh as much as the estimates


class Entry(Struct):
    """One task's state; `done` of `total` is in the stage's own unit, and `resumed` is where this call took it up. `machine`
    is where it runs or ran, if that is another one."""

    task: Task
    estimate_s: float
    state: str = "waiting"
    done: int = 0
    total: int = 0
    resumed: int = 0
    note: str = ""
    machine: str = ""

    @property
    def where(self) -> str:
        return f"on {self.machine}" if self.machine else ""

    @property
    def share(self) -> float:
        if self.state in _OPEN:
            return self.done / self.total if self.total else 0.0
        return 1.0

    @property
    def worked(self) -> float:
        """The share that this call has done itself."""
        if self.state in ("fresh", "older", "blocked"):
            return 0.0
        return self.share - (self.resumed / self.total if self.total else 0.0)


class Board(Struct):
    """All entries of one call of the runner, and when it began; of a run at rest it has no workers."""

    entries: list[Entry]
    workers: int
    began: float

    def took_s(self) -> float:
        """Seconds since it began; none where the clock was set back meanwhile."""
        return max(0.0, time.time() - self.began)

    def left_s(self) -> float:
        """About how many seconds are left, from the estimates, corrected by how long finished work really took."""
        workers = max(1, self.workers)
        worked_s = sum(e.estimate_s * e.worked for e in self.entries)
        left_s = sum(e.estimate_s * (1 - e.share) for e in self.entries)
        took_s = self.took_s() * workers
        return left_s / workers * (took_s + _BELIEVED_S) / (worked_s + _BELIEVED_S)

    def summary(self) -> str:
        ended = sum(e.state not in _OPEN for e in self.entries)
        tasks = console.counted(len(self.entries), "task", "tasks")
        if not self.workers:
            return f"{ended} of {tasks} up to date"
        failed = sum(e.state == "failed" for e in self.entries)
        text = f"{ended}/{tasks}, {console.duration(self.took_s())} so far"
        if ended < len(self.entries):
            text += f", about {console.duration(self.left_s())} left"
        return text + (f", {failed} failed" if failed else "")


def new_board(planned: Sequence[tuple[Task, float]], workers: int) -> Board:
    """Of tasks, each with about how many seconds it takes."""
    return Board([Entry(task, seconds) for task, seconds in planned], workers, time.time())


def load_board(folder: Path) -> Board | None:
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Board)
    except (OSError, msgspec.DecodeError):
        return None


def clear(folder: Path) -> None:
    """Remove the board of a killed call: `kit status` would show it as that of the call that holds the folder now."""
    (folder / FILE).unlink(missing_ok=True)


def matrix(board: Board) -> Group:
    """Variants down, weights and precisions across; under a precision one mark for each stage after them."""
    by_task = {entry.task: entry for entry in board.entries}
    variants = list(dict.fromkeys(task.cell.variant for task in by_task))
    order = [variant.architecture for variant in variants]
    variants.sort(key=lambda variant: (order.index(variant.architecture), variant))
    precisions = list(dict.fromkeys(task.cell.precision for task in by_task if task.cell.precision))
    rows = []
    for variant in variants:
        own = [entry for entry in board.entries if entry.task.cell.variant == variant]
        row = [variant.name, _percent(next((entry for entry in own if entry.task.cell == variant), None))]
        for precision in precisions:
            cell = msgspec.structs.replace(variant, precision=precision)
            entries = [by_task.get(Task(stage, cell)) for stage in ORDER]
            row.append("".join(_MARKS[entry.state] for entry in entries if entry))
        rows.append(row)
    return Group(console.table(("cell", "weights", *precisions), rows), *map(console.harmless, _lines(board)))


def _percent(entry: Entry | None) -> str:
    if entry is None:
        return ""
    return f"{100 * entry.share:.0f} %" if entry.state == "running" and entry.total else _MARKS[entry.state]


def _lines(board: Board) -> list[str]:
    return [board.summary(), *(_words(e.task.name, e.where, e.note) for e in board.entries if e.state == "running")]


def _words(*parts: str) -> str:
    return " ".join(part for part in parts if part)


class Watcher:
    """Keeps a board up to date and shows it: a live matrix on a terminal, else a line for each task that ends and an
    occasional one for those that run. Also leaves the board in the run's folder, for `kit status`."""

    def __init__(self, run: Run, board: Board) -> None:
        self.run, self.board = run, board
        self._by_task = {entry.task: entry for entry in board.entries}
        self._stack = ExitStack()
        self._live: Live | None = None
        self._last_line: dict[Task, float] = {}
        self._last_save = 0.0

    def __enter__(self) -> Watcher:
        self._save()
        if console.is_live():
            live = Live(get_renderable=lambda: matrix(self.board), console=console.out, refresh_per_second=2)
            self._live = self._stack.enter_context(live)
        return self

    def __exit__(self, *exception: object) -> None:
        self._save()
        self._stack.close()

    def at_once(self, slots: int) -> None:
        self.board.workers = max(1, slots)

    def update(self, task: Task, state: str, done: int = 0, total: int = 0, note: str = "", machine: str = "") -> None:
        entry = self._by_task[task]
        if total and not entry.total:
            entry.resumed = done
        entry.state, entry.note, entry.machine = state, note, machine
        if total:
            entry.done, entry.total = done, total
        if self._live is None:
            self._line(entry)
        if time.monotonic() - self._last_save > _SAVE_EVERY_S:
            self._save()

    def _line(self, entry: Entry) -> None:
        now = time.monotonic()
        if entry.state == "running":
            last = self._last_line.setdefault(entry.task, now)
            if not entry.total or now - last < _LINE_EVERY_S:
                return
            self._last_line[entry.task] = now
        how_far = f"{100 * entry.share:.0f} %" if entry.state == "running" else entry.state
        words = (time.strftime("%H:%M:%S"), entry.task.name, entry.where, how_far, entry.note)
        console.say(_words(*words, f"({self.board.summary()})"))

    def _save(self) -> None:
        self._last_save = time.monotonic()
        store.write(self.run.folder / FILE, msgspec.json.encode(self.board))


def status(run: Run) -> Board:
    """The board of a run in progress; for any other run, what its records say is there."""
    live = load_board(run.folder)
    if live is not None and store.is_held(run.folder):
        return live
    entries = []
    for task, found in findings(run, Graph(run.preset.cells()).wanted(of_preset(run.preset))).items():
        state = "waiting" if found.state is State.missing else found.state.value
        entries.append(Entry(task, estimate_s(task, run.preset), state, note="; ".join(found.why)))
    return Board(entries, 0, time.time())


def reasons(board: Board) -> list[str]:
    """The key to the marks, and why something is stale: only what another reason does not explain."""
    shown = dict.fromkeys(entry.state for entry in board.entries)
    key = ", ".join(f"{_MARKS[state]} {_MEANINGS[state]}" for state in _MARKS if state in shown)
    stale = [e for e in board.entries if e.state == "stale" and e.note and not e.note.startswith(MADE_FROM)]
    return [f"marks: {key}", *(f"stale: {e.task.name}: {e.note}" for e in stale)]


def damaged(board: Board) -> str:
    """What is said of records that cannot be read; empty if all can."""
    return "; ".join(e.note for e in board.entries if e.state == "waiting" and e.note)


def to_json(board: Board) -> bytes:
    """For scripts: each task's state, and what is left in seconds."""
    tasks = [
        {"task": e.task.name, "state": e.state, "done": e.done, "total": e.total, "note": e.note, "machine": e.machine}
        for e in board.entries
    ]
    return msgspec.json.encode({"tasks": tasks, "left_s": round(board.left_s())})
