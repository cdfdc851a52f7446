"""How fast machines are, and which of them holds up a run that others could finish sooner."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from kit.workflow.graph import Task

_ENOUGH_S = 30.0  # of work that a machine's pace is known by
_STANDSTILL = 1e-3
_MOVING_S = 60.0  # what it costs to begin anew elsewhere: the files, TensorFlow, the graph
_WORTH = 2.0  # how many times sooner it has to be over


class Part(Struct):
    """A task in work: from which `share` and when it was watched, and how far it is; times in s of a monotonic clock."""

    first_share: float
    since: float
    share: float


class Paces:
    """`estimate_s` is about how long a task takes on a core of a PC: what a machine does of that in a second is its pace."""

    def __init__(self, estimate_s: Callable[[Task], float]) -> None:
        self._estimate_s = estimate_s
        self._done: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self._parts: dict[tuple[str, Task], Part] = {}

    def progressed(self, machine: str, task: Task, share: float, now: float) -> None:
        self._parts.setdefault((machine, task), Part(share, now, share)).share = share

    def ended(self, machine: str, task: Task, took_s: float | None = None) -> None:
        """A machine has done a task, or, without a time, does it no more. What it has resumed says nothing of its pace."""
        part = self._parts.pop((machine, task), None)
        if took_s is not None and (part is None or part.first_share < 0.1):
            self._done[machine].append((self._estimate_s(task), took_s))

    def pace(self, machine: str, now: float) -> float | None:
        """None if too little is known."""
        parts = [
            (self._estimate_s(task) * (part.share - part.first_share), now - part.since)
            for (name, task), part in self._parts.items()
            if name == machine
        ]
        work, took_s = (sum(column) for column in zip(*self._done[machine], *parts, (0.0, 0.0), strict=True))
        return max(work / took_s, _STANDSTILL) if took_s >= _ENOUGH_S else None

    def left(self, machine: str, tasks: Sequence[Task]) -> float:
        """Seconds of estimate that tasks still have."""
        shares = [part.share if (part := self._parts.get((machine, task))) else 0.0 for task in tasks]
        return sum(self._estimate_s(task) * (1 - share) for task, share in zip(tasks, shares, strict=True))

    def faster(
        self, machine: str, tasks: Sequence[Task], idle: Iterable[str], lost_s: float, now: float
    ) -> tuple[str, float] | None:
        """The idle machine that would be over with `tasks` so much sooner that it is worth moving them, and how many times
        faster it is; `lost_s` of work since the last checkpoint are done again."""
        own = self.pace(machine, now)
        paces = [(known, name) for name in idle if name != machine and (known := self.pace(name, now)) is not None]
        if own is None or not paces:
            return None
        best, name = max(paces)
        left = self.left(machine, tasks)
        if left / own < _WORTH * (_MOVING_S + (left + lost_s * own) / best):
            return None
        return name, best / own
