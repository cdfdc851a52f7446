"""A worker's side of what it says to the head about one job."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import BinaryIO

from kit.cluster import messages
from kit.cluster.messages import File, Order, Progressed
from kit.errors import KitError

Ask = Callable[..., Awaitable[object]]  # Dask's call of a handler: its name, and keywords that msgpack knows


class TakenAwayError(Exception):
    """The job is another worker's now, or the head does not take what comes."""


class Link:
    """`worker` is this worker's address, by which the head knows who may speak of the job `key`."""

    def __init__(self, ask: Ask, key: str, worker: str) -> None:
        self._ask, self._own = ask, {"key": key, "worker": worker}

    async def order(self) -> Order:
        content = await self._ask(messages.BEGIN, **self._own)
        if not isinstance(content, bytes) or not content:
            raise TakenAwayError
        return messages.decode(content, Order)

    async def fetch(self, file: File, stream: BinaryIO) -> None:
        """Write a file of the head's to `stream`."""
        offset = 0
        while offset < file.size:
            piece = await self._ask(messages.BLOB, sha256=file.sha256, offset=offset)
            if not isinstance(piece, bytes) or not piece:
                raise KitError(f"the head has {file.path} no more", "it changed while a job read it")
            await asyncio.to_thread(stream.write, piece)
            offset += len(piece)

    async def tell(self, said: Progressed) -> bool:
        """Whether to go on: not if the head is about to end."""
        return await self._insist(messages.EVENT, content=messages.encode(said)) != messages.CLOSING

    async def send(self, path: Path, name: str) -> str:
        """Send a file in pieces, and return its SHA-256. It may be replaced meanwhile: what was opened is what is sent."""
        digest, offset = hashlib.sha256(), 0
        with path.open("rb") as stream:
            while (piece := await asyncio.to_thread(stream.read, messages.CHUNK)) or not offset:
                await self._insist(messages.PUT, name=name, offset=offset, content=piece)
                digest.update(piece)
                offset += len(piece)
                if not piece:
                    break
        return digest.hexdigest()

    async def keep(self, path: Path, name: str) -> None:
        """Send a checkpoint, or a log."""
        await self._insist(messages.KEEP, name=name, sha256=await self.send(path, name))

    async def finish(self, task: int, record: bytes) -> None:
        """Send the record of a task whose files were sent. Raises KitError if the head does not believe them."""
        wrong = await self._ask(messages.FINISH, task=task, record=record, **self._own)
        if wrong == messages.NOT_YOURS:
            raise TakenAwayError
        if wrong:
            raise KitError(f"the head refuses what was made: {wrong}", "see what this machine does differently")

    async def give_back(self, reason: str) -> None:
        await self._insist(messages.GIVE_BACK, reason=reason)

    async def _insist(self, what: str, **keywords: object) -> object:
        answer = await self._ask(what, **keywords, **self._own)
        if not answer:
            raise TakenAwayError
        return answer
