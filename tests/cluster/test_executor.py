"""Jobs on other machines: a head and its workers in one process, over real sockets."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from distributed import Worker
from distributed.comm import CommClosedError

from kit import store
from kit.cluster import head, keys, pace, perform
from kit.cluster.address import Address
from kit.cluster.executor import listening
from kit.cluster.link import Link
from kit.cluster.messages import Progressed
from kit.errors import KitError
from kit.runs.artifacts import CHECKPOINT
from kit.runs.run import Run
from kit.study.grid import Cell
from kit.workflow.graph import Task
from tests.cluster.lab import Lab, Trial, Trouble, lab
from tests.conftest import wait_for

__all__ = ["lab"]
HERE = Address("127.0.0.1", 0)
TRAINED = Cell("mobilenet", 1, 0)
TRAINING, PRUNING = "train mobilenet@1/s00", "prune mobilenet@1/s60"


def troubled(monkeypatch: pytest.MonkeyPatch, trouble: Trouble) -> None:
    monkeypatch.setattr(Trial, "trouble", staticmethod(trouble))


def test_two_machines_leave_what_one_does(lab: Lab) -> None:
    with (
        listening(lab.run, lab.folder / "data", HERE, None) as executor,
        lab.worker(executor, "red"),
        lab.worker(executor, "blue"),
    ):
        outcome, seen = lab.execute(executor)
    assert not outcome.failed and len(outcome.done) == 6
    assert lab.contents() == lab.alone()
    assert {states[-1] for states in seen.states.values()} <= {"done red", "done blue"}
    assert sorted(f"{r.stage} {r.cell}" for r in lab.run.records()) == sorted(task.name for task in outcome.done)
    assert all("mixed" not in record.environment for record in lab.run.records())
    assert not list(lab.run.folder.rglob(".*.partial")) and not list(lab.folder.glob("*/jobs/*"))


def test_a_lost_machines_task_resumes_elsewhere_at_its_checkpoint(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started, resumed = threading.Event(), []

    def trouble(machine: str, run: Run, task: Task) -> None:
        if task.name != TRAINING:
            return
        checkpoint = run.path(task.cell, CHECKPOINT)
        if machine == "red":
            store.write(checkpoint, b"epoch 3")
            started.set()
            threading.Event().wait(60)
        resumed.append(checkpoint.read_bytes())

    troubled(monkeypatch, trouble)
    kept = lab.run.folder / "mobilenet@1/s00" / CHECKPOINT

    def replace_red() -> None:
        assert started.wait(60)
        wait_for(kept.is_file)
        red.vanish()
        stack.enter_context(lab.worker(executor, "blue"))

    with (
        listening(lab.run, lab.folder / "data", HERE, None, keep_every_s=0.1) as executor,
        ExitStack() as stack,
        lab.worker(executor, "red") as red,
    ):
        threading.Thread(target=replace_red).start()
        outcome, seen = lab.execute(executor)
    assert resumed == [b"epoch 3"] and not kept.exists()
    assert seen.states[TRAINING] == ["running red", "waiting", "running blue", "done blue"]
    assert len(outcome.done) == 6 and lab.contents() == lab.alone()
    said = capsys.readouterr().out
    assert f"red is gone: {TRAINING} will resume on another machine" in said


@pytest.mark.parametrize("answers", [True, False], ids=["workers that answer", "one that does not"])
def test_a_head_that_is_stopped_gets_the_last_checkpoints_but_waits_for_no_one(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answers: bool
) -> None:
    started, over = threading.Event(), threading.Event()
    monkeypatch.setattr(perform, "_TELL_EVERY_S", 0.0)
    kept = lab.run.folder / "mobilenet@1/s00" / CHECKPOINT

    def trouble(machine: str, run: Run, task: Task) -> None:
        store.write(run.path(task.cell, CHECKPOINT), b"epoch 3")
        started.set()
        over.wait(60)

    async def hang(link: Link, said: Progressed) -> bool:
        return not started.is_set() or await asyncio.Event().wait()

    def stop() -> None:
        if started.is_set():
            raise KeyboardInterrupt

    troubled(monkeypatch, trouble)
    if not answers:
        monkeypatch.setattr(Link, "tell", hang)
        monkeypatch.setattr(head, "FAREWELL_S", 0.1)
    with ExitStack() as workers, pytest.raises(KeyboardInterrupt):
        with listening(lab.run, lab.folder / "data", HERE, None) as executor:
            executor.check = stop
            workers.enter_context(lab.worker(executor, "red"))
            lab.execute(executor)
        over.set()
    assert "getting the last checkpoints, for " in capsys.readouterr().out
    assert kept.is_file() == answers and (not answers or kept.read_bytes() == b"epoch 3")


def test_what_a_machine_cannot_do_another_one_does(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def trouble(machine: str, run: Run, task: Task) -> None:
        if machine == "red":
            raise OSError(28, "No space left on device")

    troubled(monkeypatch, trouble)
    with listening(lab.run, lab.folder / "data", HERE, None) as executor, lab.worker(executor, "red") as red:
        wait_for(lambda: executor.slots)
        with lab.worker(executor, "blue"):
            outcome, seen = lab.execute(executor)
        red.join(60)
    assert len(outcome.done) == 6 and lab.contents() == lab.alone()
    assert {states[-1] for states in seen.states.values()} == {"done blue"}
    said = capsys.readouterr().out
    assert said.count("red could not do ") == 1 and "another machine will try: [Errno 28] No space left on device" in said
    assert "this machine takes no more jobs" in str(red.error)


def test_a_machine_that_ran_out_of_memory_takes_fewer_jobs_and_a_job_has_three_tries(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def trouble(machine: str, run: Run, task: Task) -> None:
        if task.name == TRAINING:
            raise ProcessLookupError

    troubled(monkeypatch, trouble)
    with (
        listening(lab.run, lab.folder / "data", HERE, None) as executor,
        lab.worker(executor, "red", slots=4) as red,
    ):
        wait_for(lambda: executor.slots)
        red.service.patience_s = 60
        outcome, _ = lab.execute(executor)
        red.service.patience_s = 0
    reason = outcome.failed[next(task for task in outcome.failed if task.name == TRAINING)]
    assert reason.startswith("its process was killed, see ") and "the last of 3 tries" in reason
    assert str(lab.run.folder) in reason and len(outcome.blocked) == 5
    assert "going on with 3 slots" in capsys.readouterr().out


def test_a_slow_machines_task_moves_to_an_idle_one(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(head, "IDLE_S", 0.3)
    monkeypatch.setattr(pace, "_ENOUGH_S", 0.01)
    monkeypatch.setattr(pace, "_MOVING_S", 0.0)
    monkeypatch.setattr(perform, "_TELL_EVERY_S", 0.0)
    slow_has_begun, over = threading.Event(), threading.Event()

    def trouble(machine: str, run: Run, task: Task) -> Iterator[int]:
        if task.name == PRUNING and machine == "slow":
            slow_has_begun.set()
            yield from (0, 1)
            over.wait(60)
        elif task.stage == "convert" and task.cell.sparsity == 0:
            slow_has_begun.wait(60)
        for done in (0, 50, 90):
            yield done
            time.sleep(0.1)

    troubled(monkeypatch, trouble)

    def add_slow() -> None:
        wait_for(lab.run.record_path("train", TRAINED).is_file)
        stack.enter_context(lab.worker(executor, "slow"))

    with (
        listening(lab.run, lab.folder / "data", HERE, None, keep_every_s=0.1) as executor,
        ExitStack() as stack,
        lab.worker(executor, "fast"),
    ):
        threading.Thread(target=add_slow).start()
        outcome, seen = lab.execute(executor)
        over.set()
    said = capsys.readouterr().out
    assert len(outcome.done) == 6 and lab.contents() == lab.alone(), said
    assert re.search(rf"slow is \d+\.\d times slower than fast: {PRUNING} resumes there", said), said
    assert seen.states[PRUNING] == ["running slow", "waiting", "running fast", "done fast"]


def test_a_broken_connection_costs_no_task(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken: list[Progressed] = []
    own = Link.tell

    async def tell(link: Link, said: Progressed) -> bool:
        if not broken:
            broken.append(said)
            raise CommClosedError("in the middle of a message")
        return await own(link, said)

    monkeypatch.setattr(Link, "tell", tell)
    with listening(lab.run, lab.folder / "data", HERE, None) as executor, lab.worker(executor, "red"):
        outcome, _ = lab.execute(executor)
    assert broken and len(outcome.done) == 6 and lab.contents() == lab.alone()
    assert "red lost its connection" in capsys.readouterr().out


def test_a_cells_own_failure_is_not_tried_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def trouble(machine: str, run: Run, task: Task) -> None:
        if task.stage == "prune":
            tried.append(machine)
            raise KitError("training diverged")

    troubled(monkeypatch, trouble)
    with listening(lab.run, lab.folder / "data", HERE, None) as executor, lab.worker(executor, "red"):
        outcome, _ = lab.execute(executor)
    assert tried == ["red"] and list(outcome.failed.values()) == ["training diverged"]
    assert len(outcome.done) == 3 and len(outcome.blocked) == 2


def test_a_machine_that_differs_is_refused_or_named_in_each_record(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    other = {"numpy": "1.0", "instructions": "avx", "processor of": "Zuse", "L1 data cache": "7 KiB"}
    with (
        listening(lab.run, lab.folder / "data", HERE, None) as executor,
        lab.worker(executor, "old", 1, other) as old,
    ):
        old.join(60)
        assert "numpy 1.0, not 1." in str(old.error) and "processor without " in str(old.error)
        assert "processor of Zuse, not " in str(old.error) and "L1 data cache 7 KiB, not " in str(old.error)
        wait_for(lambda: list(executor.events()) or "old is refused" in capsys.readouterr().out)
    with listening(lab.run, lab.folder / "data", HERE, None, True) as executor, lab.worker(executor, "old", 1, other):
        outcome, _ = lab.execute(executor)
    assert len(outcome.done) == 6
    assert all("numpy 1.0, not 1." in str(record.environment["mixed"]) for record in lab.run.records())


def test_keys_keep_strangers_out(lab: Lab, tmp_path: Path) -> None:
    own, others = tmp_path / "own", tmp_path / "others"
    keys.make(own)
    keys.make(others)
    with listening(lab.run, lab.folder / "data", HERE, own) as executor:
        for stranger in (None, others):
            with lab.worker(executor, "stranger", keys=stranger) as one:
                one.join(60)
                assert executor.slots == 0 and one.error is None
        with lab.worker(executor, "friend", keys=own):
            outcome, _ = lab.execute(executor)
    assert len(outcome.done) == 6


def test_a_worker_that_is_not_the_kits_gets_no_job(lab: Lab) -> None:
    with listening(lab.run, lab.folder / "data", HERE, None) as executor:

        async def come() -> str:
            async with Worker(str(executor.address), name="stray", dashboard_address="127.0.0.1:0") as stray:
                await asyncio.wait_for(stray.finished(), 60)
                return stray.status.name

        assert asyncio.run(come()) == "closed" and executor.slots == 0


@pytest.mark.parametrize("taken", [True, False], ids=["the port is taken", "the address is another machine's"])
def test_where_the_head_cannot_listen_it_says_so(lab: Lab, taken: bool) -> None:
    with listening(lab.run, lab.folder / "data", HERE, None) as executor:
        at = executor.address if taken else Address("192.0.2.1", 8786)
        with pytest.raises(KitError, match=f"cannot listen at tcp://{at.host}:{at.port}"):
            listening(lab.run, lab.folder / "data", at, None).__enter__()
