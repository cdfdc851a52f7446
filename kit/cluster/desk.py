"""The head's side of every job: what it needs, what came back, and who does it. Runs in the event loop's thread alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from kit import store
from kit.cluster import messages, results
from kit.cluster.incoming import Incoming
from kit.cluster.machines import Machines
from kit.cluster.messages import Order, Progressed
from kit.cluster.pace import Paces
from kit.cluster.supply import Supply
from kit.errors import KitError
from kit.runs.run import Run
from kit.workflow import local
from kit.workflow.executor import Ended, Happened
from kit.workflow.graph import Job, Task, estimate_s

TRIES = 3  # of one job, on machines that could not do it


@dataclass
class Work:
    """A job that has not ended. `worker` is the address of who began it last, `machine` its name, `ordered` the tasks it was
    given. `gave_up` says why no other machine is tried, `wish` is the address of the worker that it was moved to."""

    job: Job
    left: list[Task]
    worker: str = ""
    machine: str = ""
    ordered: list[Task] = field(default_factory=list)
    tries: int = 0
    is_given_back: bool = False
    gave_up: str = ""
    wish: str = ""
    incoming: dict[str, Incoming] = field(default_factory=dict)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)


class Desk:
    """`holder` says whom Dask has given a job, by address and name; `tell` takes what happens, and lines for people."""

    def __init__(
        self, run: Run, data: Path, machines: Machines, keep_every_s: float, tell: Callable[[Happened | Ended | str], None]
    ) -> None:
        self.run, self.machines, self.keep_every_s, self.tell = run, machines, keep_every_s, tell
        self.works: dict[str, Work] = {}
        self.holder: Callable[[str], tuple[str, str]] = lambda key: ("", "")
        self.failed: str = ""
        self.is_closing = False
        self.paces = Paces(lambda task: estimate_s(task, run.preset))
        self.supply = Supply(run, data)

    @property
    def is_at_work(self) -> bool:
        """Whether a worker is doing a job."""
        return any(work.worker for work in self.works.values())

    def handlers(self) -> dict[str, Callable[..., object]]:
        """What workers may ask for, by its name."""
        return {
            messages.HELLO: self.machines.hello,
            messages.BEGIN: self.begin,
            messages.BLOB: self.supply.blob,
            messages.EVENT: self.event,
            messages.PUT: self.put,
            messages.KEEP: self.keep,
            messages.FINISH: self.finish,
            messages.GIVE_BACK: self.give_back,
        }

    def _held(self, key: str, worker: str) -> Work | None:
        """The job, if this worker is the one to do it: one that was cut off for a while may have lost it to another."""
        work = self.works.get(key)
        return work if work is not None and not work.is_given_back and self.holder(key)[0] == worker else None

    async def begin(self, key: str, worker: str) -> bytes:
        """The order for a job; empty for a worker that has none such, or if nothing is left of it."""
        work = self._held(key, worker)
        if work is None or not work.left or self.is_closing:
            return b""
        work.worker, work.machine = self.holder(key)
        work.incoming, work.ordered = {}, list(work.left)
        job = work.job.only(work.left)
        written = [name for t in work.left for name in (*results.outputs(self.run, t), *results.scratch(self.run, t))]
        for name in (*written, self.run.relative(local.log_of(self.run, job))):
            work.incoming[name] = Incoming(self.run.folder / name)
        async with work.writing:  # what is left may read what the last worker has just finished
            files = await asyncio.to_thread(self.supply.of, work.left)
        data, own = await asyncio.to_thread(self.supply.for_all)
        return messages.encode(Order(job, self.run.preset, self.run.is_seeded, files, data, own, self.keep_every_s))

    async def event(self, key: str, worker: str, content: bytes) -> bool | str:
        """What a task is doing. As in all answers below, False means that the job is another worker's now. The answer
        CLOSING is the worker's last chance to send a checkpoint."""
        work = self._held(key, worker)
        if work is None:
            return False
        said = messages.decode(content, Progressed)
        task = work.ordered[said.task]
        if task in work.left:
            self._progressed(work, task, said)
        return messages.CLOSING if self.is_closing else True

    def _progressed(self, work: Work, task: Task, said: Progressed) -> None:
        if said.state != "running":
            work.left.remove(task)
            self.paces.ended(work.machine, task)
        elif said.total:
            self.paces.progressed(work.machine, task, said.done / said.total, time.monotonic())
        note = said.note.replace(messages.RUN, f"{self.run.folder}/")
        self.tell(Happened(work.job, task, said.state, said.done, said.total, note, machine=work.machine))

    async def put(self, key: str, worker: str, name: str, offset: int, content: bytes) -> bool:
        """A piece of a file that the job writes."""
        work = self._held(key, worker)
        if work is None or name not in work.incoming:
            return False
        return await self._or_fail(work.incoming[name].add, offset, content)

    async def keep(self, key: str, worker: str, name: str, sha256: str) -> bool:
        """A checkpoint, or the log of what failed, is complete."""
        work = self._held(key, worker)
        if work is None or name not in work.incoming or not work.incoming[name].is_whole(sha256):
            return False
        return await self._or_fail(work.incoming[name].keep)

    async def finish(self, key: str, worker: str, task: int, record: bytes) -> str:
        """A task is done and its files are here. Answers with what is wrong with them, which is nothing as a rule."""
        work = self._held(key, worker)
        if work is None or work.ordered[task] not in work.left:
            return messages.NOT_YOURS
        done = work.ordered[task]
        wrong = await asyncio.to_thread(results.objection, self.run, done, record, work.incoming)
        if wrong or self._held(key, worker) is not work or done not in work.left:
            return wrong or messages.NOT_YOURS
        work.left.remove(done)
        files = [work.incoming.pop(name) for name in results.outputs(self.run, done)]  # if the worker is lost now, they stay
        machine = work.machine
        async with work.writing:
            is_written = await self._or_fail(self._write, machine, done, record, files)
        if is_written:
            took_s = float(msgspec.json.decode(record)["duration_s"])
            self.paces.ended(machine, done, took_s)
            self.tell(Happened(work.job, done, "done", took_s=took_s, machine=machine))
        return ""

    def _write(self, machine: str, task: Task, record: bytes, files: Sequence[Incoming]) -> bool:
        """The files first, and then the record, which says that they are whole."""
        if not all(file.keep() for file in files):
            return False
        content = results.noted(record, self.machines.noted(machine, self.run.folder.parent))
        store.write(self.run.record_path(task.stage, task.cell), content)
        for name in results.scratch(self.run, task):
            (self.run.folder / name).unlink(missing_ok=True)
        return True

    async def _or_fail(self, do: Callable[..., bool], *arguments: object) -> bool:
        """What `do` says of this machine's disk; if that fails, so does the whole run, as it does without a cluster."""
        try:
            return await asyncio.to_thread(do, *arguments)
        except (KitError, OSError) as error:
            self.failed = self.failed or str(error)
            return False

    async def give_back(self, key: str, worker: str, reason: str) -> bool:
        """The machine could not do a job: another one has to, unless several could not."""
        work = self._held(key, worker)
        if work is None:
            return False
        work.tries += 1
        reason = reason.replace(messages.RUN, f"{self.run.folder}/")
        if work.tries >= TRIES:
            work.gave_up = f"{reason} (on {work.machine}, the last of {TRIES} tries)"
            return True
        work.is_given_back = True
        self.tell(f"{work.machine} could not do {work.left[0].name}, which another machine will try: {reason}")
        self._moved(work)
        return True

    def move(self, idle: Mapping[str, str]) -> str:
        """Find a job that one of the `idle` machines, addresses by names, would be over with much sooner, and take it away
        from where it is. Returns its key; empty if there is none."""
        for key, work in self.works.items():
            if not work.worker or work.is_given_back or work.wish:
                continue
            found = self.paces.faster(work.machine, work.left, idle, self.keep_every_s, time.monotonic())
            if found is not None:
                name, times = found
                self.tell(f"{work.machine} is {times:.1f} times slower than {name}: {work.left[0].name} resumes there")
                work.wish, work.is_given_back = idle[name], True
                self._moved(work)
                return key
        return ""

    def gone(self, worker: str, machine: str, how: str) -> None:
        """A worker has left, or was lost, and Dask gives its jobs to others."""
        self.machines.leave(machine)
        lost = [work for work in self.works.values() if work.worker == worker and work.left]
        names = ", ".join(work.left[0].name for work in lost)
        self.tell(f"{machine} {how}" + (f": {names} will resume on another machine" if lost else ""))
        for work in lost:
            self._moved(work)

    def _moved(self, work: Work) -> None:
        for task in work.left:
            self.paces.ended(work.machine, task)
            self.tell(Happened(work.job, task, "waiting"))
        for incoming in work.incoming.values():
            incoming.drop()
        work.worker = ""

    def ended(self, key: str, reason: str, is_broken: bool = False) -> bool:
        """Dask has ended a job, `reason` being empty if the worker did; `is_broken` if it could not reach the head. Returns
        whether the job has to be submitted again."""
        work = self.works.pop(key)
        if is_broken and work.left and work.tries + 1 < TRIES:
            work.tries, work.is_given_back = work.tries + 1, True
            self.tell(f"{work.machine} lost its connection: {work.left[0].name} will resume on another machine")
            self._moved(work)
        if work.is_given_back:
            work.is_given_back = False
            return True
        self.tell(Ended(work.job, work.gave_up or reason or "its worker left it unfinished"))
        return False
