"""How a worker finds a head, or does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from distributed.core import Server

from kit.cluster import identity, keys, serve
from kit.cluster.address import Address, parse
from kit.cluster.cache import Cache
from kit.cluster.executor import listening
from kit.cluster.keys import security
from kit.cluster.messages import HELLO, Machine, Welcome, encode
from kit.cluster.serve import Service
from kit.errors import KitError
from tests.cluster.lab import Lab, lab
from tests.conftest import Kit, wait_for

__all__ = ["lab"]

Hello = Callable[[bytes], Awaitable[object]]


def work_for(hello: Hello | None, folder: Path) -> None:
    """Work for a head that only says hello."""

    async def both() -> None:
        async with Server({HELLO: hello} if hello else {}) as head:
            await head.listen("tcp://127.0.0.1:0")
            own, cache = Machine("red", 1, identity.traits()), Cache(folder, 10**6)
            await Service(parse(head.address), security(None), own, cache, 0).serve()

    asyncio.run(both())


def test_a_program_that_is_no_head_is_named(tmp_path: Path) -> None:
    async def another_version(machine: bytes) -> object:
        return b"?"

    for hello in (None, another_version):
        with pytest.raises(KitError, match=r"what answers at tcp://127\.0\.0\.1:\d+ is no head of this version of the kit"):
            work_for(hello, tmp_path)


def test_a_head_that_does_not_answer_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def silent(machine: bytes) -> object:
        await asyncio.Event().wait()
        return b""

    monkeypatch.setattr(serve, "_ANSWERS_WITHIN_S", 0.1)
    work_for(silent, tmp_path)
    assert "the last attempt: no answer" in capsys.readouterr().out


def test_a_head_that_is_gone_after_its_welcome_is_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter((Welcome("red"), Welcome(differences=("numpy 1.0, not 2.0",))))

    async def once(machine: bytes) -> object:
        return encode(next(answers))

    monkeypatch.setattr(serve, "_ANSWERS_WITHIN_S", 5.0)
    with pytest.raises(KitError, match=r"the head refuses this machine: numpy 1\.0, not 2\.0"):
        work_for(once, tmp_path)
    assert "the head is gone" in capsys.readouterr().out


def test_a_worker_that_is_ended_while_its_head_goes_ends(lab: Lab, kit: Kit) -> None:
    own = kit.folder / "keys"
    keys.make(own)
    with listening(lab.run, lab.folder / "data", Address("127.0.0.1", 0), own) as executor:
        worker = kit.start("worker", str(executor.address), "--cache", "cache", "--keys", str(own), "--patience", "0")
        wait_for(lambda: executor.slots or worker.poll() is not None)
    worker.terminate()
    out, err = worker.communicate(timeout=60)
    assert worker.returncode == 130 and "joined" in out and err.startswith("error: stopped"), err
