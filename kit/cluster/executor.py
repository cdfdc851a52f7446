"""Jobs on other machines, as the scheduler of the kit sees them."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kit import console
from kit.cluster.address import Address
from kit.cluster.desk import Desk
from kit.cluster.head import Head
from kit.cluster.keys import security
from kit.cluster.machines import Machines
from kit.errors import KitError
from kit.runs.run import Run
from kit.workflow.executor import Ended, Happened
from kit.workflow.graph import Job

KEEP_EVERY_S = 180.0
_MOMENT_S = 0.5


class ClusterExecutor:
    """Passes jobs to the head's thread, and brings out what happens there."""

    def __init__(self, head: Head, told: queue.SimpleQueue[Happened | Ended | str]) -> None:
        self._head, self._told = head, told
        self.waits_for = "workers"
        self.check: Callable[[], None] = lambda: None
        self._is_waiting = False

    @property
    def address(self) -> Address:
        """Where the head listens."""
        return self._head.address

    @property
    def slots(self) -> int:
        return self._head.slots

    def start(self, job: Job) -> None:
        self._head.submit(job)

    def events(self) -> Iterator[Happened | Ended]:
        """As the protocol says. Raises KitError if the head itself cannot do its part, or if `check` does."""
        self.check()
        if self._head.desk.failed:
            raise KitError(self._head.desk.failed)
        self._say_if_waiting()
        patience_s = _MOMENT_S
        while True:
            try:
                said = self._told.get(timeout=patience_s) if patience_s else self._told.get_nowait()
            except queue.Empty:
                return
            patience_s = 0.0
            if isinstance(said, str):
                console.say(said)
            else:
                yield said

    def _say_if_waiting(self) -> None:
        is_waiting = self._head.slots == 0
        if is_waiting and not self._is_waiting:
            console.say(f"waiting for {self.waits_for}")
        self._is_waiting = is_waiting


@contextmanager
def listening(
    run: Run, data: Path, address: Address, keys: Path | None, mixed: bool = False, keep_every_s: float = KEEP_EVERY_S
) -> Iterator[ClusterExecutor]:
    """An executor whose head listens at `address`, and gets checkpoints at this distance in time."""
    told: queue.SimpleQueue[Happened | Ended | str] = queue.SimpleQueue()
    desk = Desk(run, data, Machines(mixed, told.put), keep_every_s, told.put)
    with Head(address, security(keys), desk) as head:
        yield ClusterExecutor(head, told)
