"""What Dask calls on a worker: one job, in a folder of its own, by the same processes as on a single machine."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, cast

from msgspec.structs import replace

from kit import store
from kit.cluster.cache import Cache
from kit.cluster.link import Link, TakenAwayError
from kit.cluster.messages import RUN, File, Order, Progressed
from kit.errors import KitError
from kit.runs.run import Run
from kit.stages.registry import STAGES
from kit.study import networks
from kit.study.preset import Preset
from kit.study.settings import Network
from kit.workflow.executor import Ended, Happened
from kit.workflow.graph import Task
from kit.workflow.local import LocalExecutor, log_of

NAME = "kit"  # of the plugin that holds the shop
_TELL_EVERY_S = 1.0
_LOOK_EVERY_S = 0.1
_LONGEST_LOG = 1 << 20


class Shop(Protocol):
    """What a worker has for its jobs. It is `unfit` once it could not do one, and then takes no more."""

    cache: Cache

    def unfit(self, reason: str) -> None: ...


class _UnfitError(Exception):
    """This machine cannot do the job; another one may."""


async def perform(key: str) -> None:
    """Do the job that the head knows as `key`. The head gets all that comes of it while it is done: nothing is returned."""
    from distributed import get_worker

    worker = get_worker()
    shop: Shop = cast("Any", worker.plugins[NAME]).shop
    head = worker.scheduler

    async def ask(what: str, **keywords: object) -> object:
        return await getattr(head, what)(**keywords)

    link = Link(ask, key, worker.address)
    try:
        await _perform(link, shop)
    except TakenAwayError:
        return
    except (_UnfitError, KitError) as error:
        shop.unfit(str(error))  # first, so that this machine is not chosen again
        await link.give_back(str(error))


async def _perform(link: Link, shop: Shop) -> None:
    order = await link.order()
    with shop.cache.scratch() as folder:
        run = Run(folder / "run", _with_own_networks(order, folder / "networks"), order.is_seeded)
        with store.exclusive(run.folder) as lock:
            await _lay_out(run.folder, order.files, link, shop.cache)
            await _lay_out(folder / "data", order.data, link, shop.cache)
            await _lay_out(folder / "networks", order.networks, link, shop.cache)
            executor = LocalExecutor(run, folder / "data", 1, lock, folder, "start its worker with fewer --slots")
            try:
                executor.start(order.job)
                await _Following(link, run, order).follow(executor)
            finally:
                executor.stop()


def _with_own_networks(order: Order, folder: Path) -> Preset:
    """The preset, with the files of the user's own networks where they are laid out here."""

    def here(name: str, path: str) -> str:
        return str(folder / name / Path(path).name) if path else ""

    def moved(name: str, own: Network) -> Network:
        path, function = networks.source(own.build)
        build = f"{folder / name / path.stem}:{function}" if own.build else ""
        return replace(own, build=build, model=here(name, own.model), weights=here(name, own.weights))

    return replace(order.preset, networks={name: moved(name, own) for name, own in order.preset.networks.items()})


async def _lay_out(root: Path, files: tuple[File, ...], link: Link, cache: Cache) -> None:
    for file in files:
        await cache.place(file, root / file.path, link.fetch)


class _Following:
    """Passes on what a job's process says and writes."""

    def __init__(self, link: Link, run: Run, order: Order) -> None:
        self.link, self.run, self.order = link, run, order
        self._open = list(order.job.tasks)
        self._failed: set[Task] = set()
        self._told, self._kept = 0.0, time.monotonic()
        self._latest: Progressed | None = None
        self._known = {path: _state(path) for path in self._checkpoints()}

    async def follow(self, executor: LocalExecutor) -> None:
        """Until the process ends. Raises _UnfitError if that is the machine's fault."""
        while True:
            for event in executor.events(patience_s=0):
                if isinstance(event, Ended):
                    await self._end(event)
                    return
                await self._pass_on(event)
            if time.monotonic() - self._told > _TELL_EVERY_S:
                await self._tell()
            if time.monotonic() - self._kept > self.order.keep_every_s:
                await self._keep_checkpoints()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _pass_on(self, event: Happened) -> None:
        place = self.order.job.tasks.index(event.task)
        if event.state == "running":
            self._latest = Progressed(place, "running", event.done, event.total, event.note)
            if not event.total:
                await self._tell()
            return
        self._open.remove(event.task)
        if event.state == "done":
            await self._finish(event.task, place)
            return
        await self._send_log()
        if event.is_machines_fault:
            raise _UnfitError(self._as_at_head(event.note))
        self._failed.add(event.task)
        await self.link.tell(Progressed(place, "failed", note=self._as_at_head(event.note)))

    async def _tell(self) -> None:
        """Also where nothing is new: the answer may be that the job has been moved, or that the head is about to end."""
        self._told = time.monotonic()
        if self._latest is not None and not await self.link.tell(self._latest):
            await self._keep_checkpoints()
            raise TakenAwayError

    async def _finish(self, task: Task, place: int) -> None:
        for file in STAGES[task.stage].outputs:
            path = self.run.path(task.cell, file)
            await self.link.send(path, self.run.relative(path))
        await self.link.finish(place, self.run.record_path(task.stage, task.cell).read_bytes())

    async def _end(self, ended: Ended) -> None:
        """What is still open needs a failed task, or else the process died with it."""
        for task in self._open:
            if not self._failed & set(self.order.job.needs_of(task)):
                await self._send_log()
                raise _UnfitError(self._as_at_head(ended.reason))
            self._failed.add(task)

    def _checkpoints(self) -> list[Path]:
        tasks = self.order.job.tasks
        found = [self.run.path(task.cell, file) for task in tasks for file in STAGES[task.stage].scratch]
        return [path for path in found if path.is_file()]

    async def _keep_checkpoints(self) -> None:
        self._kept = time.monotonic()
        for path in self._checkpoints():
            with suppress(FileNotFoundError):  # the stage has ended, and its checkpoint with it
                state = _state(path)
                if state != self._known.get(path):
                    await self.link.keep(path, self.run.relative(path))
                    self._known[path] = state

    async def _send_log(self) -> None:
        path = log_of(self.run, self.order.job)
        if path.is_file() and path.stat().st_size < _LONGEST_LOG:
            await self.link.keep(path, self.run.relative(path))

    def _as_at_head(self, reason: str) -> str:
        return reason.replace(f"{self.run.folder}/", RUN)


def _state(path: Path) -> tuple[int, int]:
    """What is another one after the file was written again."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns
