"""A worker: finds the head, introduces this machine, does jobs until no head has been there for a while."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import time
from pathlib import Path
from typing import Any

import msgspec
from distributed import Status, Worker, WorkerPlugin
from distributed.core import rpc
from distributed.security import Security

from kit import console
from kit.cluster import messages, perform, settings
from kit.cluster.address import Address
from kit.cluster.cache import Cache
from kit.cluster.messages import Machine, Welcome
from kit.errors import KitError
from kit.workflow import local

_ASK_EVERY_S = 1.0
_ANSWERS_WITHIN_S = 30.0
_FAREWELL_S = 0.2  # for the last messages to the head


class Shop:
    """What this worker has for its jobs: see `perform.Shop`."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.failure = ""
        self._worker: Worker | None = None

    def use(self, worker: Worker) -> None:
        self._worker = worker

    def unfit(self, reason: str) -> None:
        """Take no more jobs; those that are in work are finished."""
        console.say(f"could not do a job: {reason}")
        self.failure = reason
        if self._worker is not None and self._worker.status == Status.running:
            self._worker.status = Status.paused


class _Holder(WorkerPlugin):
    """Dask's place for what a worker's tasks share."""

    name = perform.NAME

    def __init__(self, shop: Shop) -> None:
        self.shop = shop


class Service:
    """`kit worker`. `patience_s` is how long it looks for a head that is not there yet, or no longer."""

    def __init__(self, address: Address, security: Security, machine: Machine, cache: Cache, patience_s: float) -> None:
        self.address, self.security, self.machine, self.cache = address, security, machine, cache
        self.patience_s = patience_s
        self._head = address.of_dask(bool(security.require_encryption))

    def run(self) -> None:
        """Until it ends by itself. Raises KitError if the head refuses this machine, or if it can work no longer."""
        local.start_server(warm=True)
        local.wait_for_server()
        try:
            asyncio.run(self._until_stopped())
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None

    async def _until_stopped(self) -> None:
        """SIGTERM cancels it, as Ctrl-C does: an exception amid Dask's own tasks would leave them waiting for each other."""
        served = asyncio.current_task()
        assert served is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, served.cancel)
        await self.serve()

    async def serve(self) -> None:
        """The same where the processes' server runs already."""
        settings.use()
        while (welcome := await self._introduce()) is not None:
            if not welcome.name:
                differs = ", ".join(welcome.differences)
                raise KitError(f"the head refuses this machine: {differs}", "make it equal, or start the head with --mixed")
            console.say(f"joined {self.address} as {welcome.name} with {_slots(self.machine)}")
            failure = await self._work(welcome.name)
            if failure:
                self._spare(failure)
            else:
                console.say("the head is gone")
        console.say(f"no head at {self.address} for {console.duration(self.patience_s)}: nothing left to do")

    def _spare(self, failure: str) -> None:
        """Take one job less at a time from now on. Raises KitError if that is none, or would not help."""
        self.machine = msgspec.structs.replace(self.machine, slots=self.machine.slots - 1)
        if not self.machine.slots or os.strerror(errno.ENOSPC) in failure:
            raise KitError("this machine takes no more jobs", failure)
        console.say(f"going on with {_slots(self.machine)}")

    async def _introduce(self) -> Welcome | None:
        """What the head answers; None if there is none within the time."""
        said = messages.encode(self.machine)
        end = time.monotonic() + self.patience_s
        while True:
            try:
                async with rpc(self._head, connection_args=self.security.get_connection_args("worker")) as head:
                    answer: Any = await asyncio.wait_for(getattr(head, messages.HELLO)(machine=said), _ANSWERS_WITHIN_S)
                return messages.decode(answer, Welcome)
            except OSError as error:
                if time.monotonic() > end:
                    console.say(f"the last attempt: {(str(error) or 'no answer').splitlines()[0][:200]}")
                    return None
                await asyncio.sleep(_ASK_EVERY_S)
            except (TypeError, msgspec.DecodeError) as error:
                wrong = f"what answers at {self.address} is no head of this version of the kit"
                raise KitError(wrong, "start both from the same checkout, or check the address") from error

    async def _work(self, name: str) -> str:
        """Do jobs until the head is gone, or this machine could not do one: then returns why. Raises KitError."""
        shop = Shop(self.cache)
        worker = Worker(
            self._head,
            nthreads=self.machine.slots,
            name=name,
            security=self.security,
            memory_limit=0,
            local_directory=str(self.cache.dask),
            dashboard=False,
            dashboard_address="127.0.0.1:0",
            death_timeout=_ANSWERS_WITHIN_S,  # Dask would wait for ever for a head that is gone since it said welcome
            plugins=(_Holder(shop),),
        )
        worker.handlers.clear()  # nobody has to ask it for anything: jobs come by the stream that it opened itself
        shop.use(worker)
        try:
            await worker
        except TimeoutError:
            return ""
        except RuntimeError as error:
            raise KitError(f"cannot join {self.address} ({error.__cause__})", "try again") from error
        async with worker:
            worker.http_server.stop()
            while worker.status in (Status.running, Status.paused):
                await asyncio.sleep(0.2)
                if shop.failure and not worker.state.executing_count:
                    await asyncio.sleep(_FAREWELL_S)
                    break
        return shop.failure


def _slots(machine: Machine) -> str:
    return console.counted(machine.slots, "slot", "slots")


def default_cache() -> Path:
    return Path.home() / ".cache" / "mobile-cnn-kit" / "worker"
