"""The head: Dask's scheduler, in a thread of the process that makes the run."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import msgspec
from distributed import Client, Scheduler, SchedulerPlugin, Status
from distributed.scheduler import WorkerState
from distributed.security import Security

from kit import console
from kit.cluster import settings
from kit.cluster.address import Address
from kit.cluster.desk import Desk, Work
from kit.cluster.perform import perform
from kit.workflow.graph import Job

IDLE_S = 10.0  # after which there is nothing else for a machine to do
FAREWELL_S = 10.0  # for the last checkpoints


class Head:
    """Leaving the `with` block ends the scheduler, and with it what workers are doing, once their checkpoints are here."""

    def __init__(self, address: Address, security: Security, desk: Desk) -> None:
        self.address, self.desk = address, desk
        self.slots = 0
        self._security = security
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="head", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._futures: dict[str, Any] = {}
        self._count, self._idle_since = 0, time.monotonic()

    def __enter__(self) -> Head:
        self.address.try_to_listen()
        self._thread.start()
        self._ready.result()
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(RuntimeError):  # its loop has ended by itself
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def submit(self, job: Job) -> None:
        """Give Dask a job, from another thread."""
        asyncio.run_coroutine_threadsafe(self._begin(job), self._loop)

    def _run(self) -> None:
        try:
            settings.use()
            asyncio.run(self._serve())
        except Exception as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self._ready.done():
            self.desk.failed = self.desk.failed or f"the head has failed ({type(error).__name__}: {error})"
        else:
            self._ready.set_exception(error)

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        listening = self.address.of_dask(bool(self._security.require_encryption))
        host, _, port = listening.rpartition(":")
        scheduler = Scheduler(
            host=host, port=int(port), security=self._security, dashboard=False, dashboard_address="127.0.0.1:0"
        )
        settings.only_jobs(scheduler.handlers)
        scheduler.handlers.update(self.desk.handlers())
        async with scheduler:
            scheduler.http_server.stop()
            self.address = msgspec.structs.replace(self.address, port=scheduler.port)
            self.desk.holder = lambda key: _holder(scheduler, key)
            scheduler.add_plugin(_Members(self.desk), name="kit")
            async with Client(scheduler.address, security=self._security, asynchronous=True, set_as_default=False) as client:
                self._client = client
                self._ready.set_result(None)
                while not self._over.is_set():
                    self.slots = _slots(scheduler)
                    await self._relieve(scheduler)
                    await _moment(self._over)
                await self._take_leave()
                for task in self._tasks:
                    task.cancel()

    async def _take_leave(self) -> None:
        """Let workers send their last checkpoints, if the run was stopped."""
        self.desk.is_closing = True
        end = time.monotonic() + FAREWELL_S
        if self.desk.is_at_work:
            console.say(f"getting the last checkpoints, for {FAREWELL_S:.0f} s at most; Ctrl-C skips that")
        while self.desk.is_at_work and not self.desk.failed and time.monotonic() < end:
            await asyncio.sleep(0.1)

    async def _relieve(self, scheduler: Scheduler) -> None:
        """Take a job from a slow machine if a fast one has had nothing to do for a while."""
        idle = {str(one.name): one.address for one in scheduler.running if len(one.processing) < one.nthreads}
        now = time.monotonic()
        if not idle or not self.desk.works:
            self._idle_since = now
        elif now - self._idle_since > IDLE_S:
            self._idle_since = now
            key = self.desk.move(idle)
            if key:
                await self._futures[key].cancel()

    async def _begin(self, job: Job) -> None:
        task = asyncio.create_task(self._until_its_end(Work(job, list(job.tasks))))
        self._tasks.add(task)
        task.add_done_callback(self._seen_off)

    def _seen_off(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(error)

    async def _until_its_end(self, work: Work) -> None:
        """Submit a job, and submit it again if a machine gives it back."""
        again = True
        while again:
            self._count += 1
            key = f"{work.job.tasks[0].name} #{self._count}"
            self.desk.works[key] = work
            wish = {"workers": [work.wish], "allow_other_workers": True} if work.wish else {}
            self._futures[key] = future = self._client.submit(perform, key, key=key, pure=False, **wish)
            error = await future.exception()
            future.release()
            del self._futures[key]
            again = self.desk.ended(key, _reason(future, error), isinstance(error, OSError))


async def _moment(over: asyncio.Event, seconds: float = 0.2) -> None:
    try:
        await asyncio.wait_for(over.wait(), seconds)
    except TimeoutError:
        return


def _reason(future: Any, error: BaseException | None) -> str:
    """Why Dask gave up a job; empty if it did not."""
    if error is not None:
        return f"{type(error).__name__}: {error}"
    return "" if future.status == "finished" else f"Dask has {future.status} it"


def _holder(scheduler: Scheduler, key: str) -> tuple[str, str]:
    task = scheduler.tasks.get(key)
    worker = task.processing_on if task is not None else None
    return (worker.address, str(worker.name)) if worker else ("", "")


def _slots(scheduler: Scheduler) -> int:
    """How many jobs fit, those that are running included: a worker that takes no more finishes what it has."""
    return sum(_room(worker) for worker in scheduler.workers.values())


def _room(worker: WorkerState) -> int:
    return worker.nthreads if worker.status == Status.running else len(worker.processing)


class _Members(SchedulerPlugin):
    """Notices who comes and goes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._names: dict[str, str] = {}
        self._leaving: set[asyncio.Future[Any]] = set()  # asyncio itself forgets what nobody holds

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        name = str(scheduler.workers[worker].name)
        if self._desk.machines.has(name):
            self._names[worker] = name
        else:  # it did not introduce itself
            leaving = asyncio.ensure_future(scheduler.remove_worker(worker, stimulus_id="kit-not-admitted"))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    def remove_worker(self, scheduler: Scheduler, worker: str, *, stimulus_id: str, **more: object) -> None:
        name = self._names.pop(worker, "")
        if name and scheduler.status == Status.running:
            self._desk.gone(worker, name, "no longer answers" if "ttl" in stimulus_id else "is gone")
