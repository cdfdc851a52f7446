"""A head and workers in one process: everything as in earnest but for the stages, which write a few made-up bytes."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec import Struct

from kit import store
from kit.cluster import identity, perform
from kit.cluster.cache import Cache
from kit.cluster.executor import ClusterExecutor
from kit.cluster.keys import security
from kit.cluster.messages import Machine
from kit.cluster.serve import Service
from kit.datasets import prepare
from kit.errors import KitError
from kit.runs.run import Run, create
from kit.runs.stage import Stage, StageContext
from kit.stages.registry import STAGES
from kit.study.preset import load
from kit.workflow import scheduler
from kit.workflow.executor import Ended, Happened
from kit.workflow.graph import Graph, Job, Task, select

CELLS = ("mobilenet/s00", "mobilenet/s60")
Trouble = Callable[[str, Run, Task], Iterable[int] | None]


class Made(Struct):
    """What a made-up stage records."""

    bytes: int


def made_up(stage: Stage) -> Stage:
    """A stage with the same inputs and outputs, which writes what follows from its inputs alone."""

    def execute(context: StageContext) -> Made:
        assert prepare.location(context.data, context.run.preset.dataset).read_bytes() == b"images" * 1000
        read = [context.run.path(one.cell, one.file).read_bytes() for one in stage.inputs(context.cell)]
        content = f"{stage.name} {context.cell.name} ".encode() + store.digest(b"".join(read)).encode()
        for file in stage.outputs:
            store.write(context.path(file), content * 100_000)  # some messages long
        time.sleep(0.02)  # so that it has a pace
        return Made(len(content))

    return dataclasses.replace(stage, execute=execute, values=Made)


class Seen:
    """What the scheduler shows: the states of each task in their order, with the machine."""

    def __init__(self) -> None:
        self.states: dict[str, list[str]] = {}

    def at_once(self, slots: int) -> None:
        pass

    def update(self, task: Task, state: str, done: int = 0, total: int = 0, note: str = "", machine: str = "") -> None:
        found = self.states.setdefault(task.name, [])
        text = f"{state} {machine}".strip()
        if found[-1:] != [text]:
            found.append(text)


class Trial:
    """Stands for `LocalExecutor` on a worker: threads instead of processes. `trouble` may wait, raise what goes wrong,
    or give how far a task is, in percent."""

    trouble: Trouble = staticmethod(lambda machine, run, task: None)

    def __init__(self, run: Run, data: Path, slots: int, lock: int, scratch: Path, remedy: str) -> None:
        self.run, self.data = run, data
        self.said: list[Happened | Ended] = []

    def start(self, job: Job) -> None:
        threading.Thread(target=self._do, args=(job,), daemon=True).start()

    def _do(self, job: Job) -> None:
        machine = self.run.folder.parents[2].name  # each worker has a cache of its own, of its name
        failed: set[Task] = set()
        for task in job.tasks:
            if failed & set(job.needs_of(task)):
                failed.add(task)
                continue
            self.said.append(Happened(job, task, "running"))
            try:
                for share in Trial.trouble(machine, self.run, task) or ():
                    self.said.append(Happened(job, task, "running", share, 100, "epoch"))
                record = STAGES[task.stage].perform(self.run, task.cell, self.data, lambda *a: None)
                self.said.append(Happened(job, task, "done", took_s=record.duration_s))
            except ProcessLookupError:
                break  # it died without a word
            except (OSError, KitError) as error:
                failed.add(task)
                self.said.append(
                    Happened(job, task, "failed", note=str(error), is_machines_fault=isinstance(error, OSError))
                )
        self.said.append(Ended(job, f"its process was killed, see {self.run.folder}/logs/x.log"))

    def events(self, patience_s: float) -> Iterator[Happened | Ended]:
        while self.said:
            yield self.said.pop(0)

    def stop(self) -> None:
        pass


@dataclasses.dataclass
class Lab:
    """A run with some tasks, and machines to do them."""

    folder: Path
    run: Run

    @contextmanager
    def worker(
        self, executor: ClusterExecutor, name: str, slots: int = 1, traits: Mapping[str, str] = {}, keys: Path | None = None
    ) -> Iterator[Working]:
        """A machine that works for an executor's head, until the block is left."""
        own = Machine(name, slots, {**identity.traits(), **traits})
        cache = Cache(self.folder / name, 10**9)
        working = Working(Service(executor.address, security(keys), own, cache, 0))
        working.start()
        try:
            yield working
        finally:
            working.vanish()

    def execute(self, executor: ClusterExecutor) -> tuple[scheduler.TaskOutcomes, Seen]:
        seen, tasks = Seen(), Graph(select(self.run.preset, CELLS))
        return scheduler.execute(self.run, tasks.jobs(tasks.wanted(("convert",))), executor, seen), seen

    def contents(self) -> dict[str, str]:
        """The SHA-256 of all that the stages wrote."""
        found = [*self.run.folder.rglob("*.safetensors"), *self.run.folder.rglob("*.tflite")]
        return {self.run.relative(path): store.sha256(path) for path in sorted(found)}

    def alone(self) -> dict[str, str]:
        """The same of a run without a cluster."""
        run = create(self.folder / "alone", self.run.preset)
        tasks = Graph(select(run.preset, CELLS)).wanted(("convert",))
        for task in tasks:
            STAGES[task.stage].perform(run, task.cell, self.folder / "data", lambda *a: None)
        return Lab(self.folder, run).contents()


class Working(threading.Thread):
    """A service in a thread. `error` is what ended it, if that was one."""

    def __init__(self, service: Service) -> None:
        super().__init__(daemon=True)
        self.service = service
        self.error: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None

    def run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._serve())
            except (KitError, asyncio.CancelledError) as error:
                self.error = error

    async def _serve(self) -> None:
        self._task = asyncio.current_task()
        await self.service.serve()

    def vanish(self) -> None:
        """End it without a farewell."""
        if self.is_alive() and self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)
        self.join(60)
        assert not self.is_alive()


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    for name, stage in list(STAGES.items()):
        monkeypatch.setitem(STAGES, name, made_up(stage))
    monkeypatch.setattr(perform, "LocalExecutor", Trial)
    monkeypatch.setattr(Trial, "trouble", staticmethod(lambda machine, run, task: None))
    store.write(prepare.location(tmp_path / "data", "digits"), b"images" * 1000)
    return Lab(tmp_path, create(tmp_path / "run", load("smoke")))
