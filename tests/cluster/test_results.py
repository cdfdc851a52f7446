"""What a worker sends is believed only if the head would have made the same."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kit import store
from kit.cluster.desk import Desk, Work
from kit.cluster.incoming import Incoming
from kit.cluster.machines import Machines
from kit.cluster.messages import NOT_YOURS, Order, Progressed, decode, encode
from kit.runs.artifacts import WEIGHTS
from kit.runs.record import Record
from kit.runs.run import Run, create
from kit.stages.registry import STAGES
from kit.study.grid import Cell
from kit.workflow.executor import Ended, Happened
from kit.workflow.graph import Graph
from kit.workflow.local import log_of
from tests.cluster.lab import Lab, lab

__all__ = ["lab"]
PATH = f"mobilenet@1/s00/{WEIGHTS}"


class Counter:
    """A desk with one job, which `red` holds; and what `red` made of it in a run of its own."""

    def __init__(self, lab: Lab) -> None:
        self.run = lab.run
        self.told: list[Happened | Ended | str] = []
        self.desk = Desk(lab.run, lab.folder / "data", Machines(False, self.told.append), 180.0, self.told.append)
        cell = Cell("mobilenet", 1, 0)
        (job,) = Graph([cell]).jobs(Graph([cell]).wanted(("train",)))
        self.work = self.desk.works["key"] = Work(job, list(job.tasks))
        self.desk.holder = lambda key: ("red", "red")
        self.other = create(lab.folder / "red" / "run", lab.run.preset)
        STAGES["train"].perform(self.other, cell, lab.folder / "data", lambda *a: None)
        self.record = self.other.record_path("train", cell).read_bytes()
        self.content = self.other.path(cell, WEIGHTS).read_bytes()
        self.order = decode(self.ask(self.desk.begin("key", "red")), Order)

    def ask(self, answer: Any) -> Any:
        return asyncio.run(answer)

    def put(self, content: bytes, worker: str = "red", name: str = PATH) -> bool:
        return bool(self.ask(self.desk.put("key", worker, name, 0, content)))

    def finish(self, record: bytes, worker: str = "red") -> str:
        return str(self.ask(self.desk.finish("key", worker, 0, record)))

    def changed(self, **fields: object) -> bytes:
        return msgspec.json.encode(msgspec.structs.replace(msgspec.json.decode(self.record, type=Record), **fields))


def test_what_is_right_is_written_and_told_once(lab: Lab) -> None:
    desk = Counter(lab)
    assert desk.put(desk.content) and desk.finish(desk.record) == ""
    assert (lab.run.folder / PATH).read_bytes() == desk.content
    assert desk.finish(desk.record) == NOT_YOURS and len([one for one in desk.told if isinstance(one, Happened)]) == 1


FORGED: dict[str, tuple[Callable[[Counter], bytes], str]] = {
    "garbage": (lambda desk: b"{", "cannot be read"),
    "other values": (lambda desk: desk.changed(values={"bytes": "many"}), "cannot be read"),
    "another cell": (lambda desk: desk.changed(cell="mobilenet@2/s00"), "of something else"),
    "another fingerprint": (lambda desk: desk.changed(fingerprint="0" * 64), "of something else"),
    "other files": (lambda desk: desk.changed(outputs={}), "it wrote other files"),
    "another SHA-256": (lambda desk: desk.changed(outputs={PATH: "0" * 64}), "did not arrive as it was sent"),
}


@pytest.mark.parametrize(("forge", "wrong"), FORGED.values(), ids=FORGED)
def test_what_is_wrong_is_not(lab: Lab, forge: Callable[[Counter], bytes], wrong: str) -> None:
    desk = Counter(lab)
    desk.put(desk.content)
    assert wrong in desk.finish(forge(desk))
    assert not (lab.run.folder / PATH).exists() and lab.run.records() == [] and desk.told == []


def test_a_record_of_other_settings_is_refused(lab: Lab) -> None:
    desk = Counter(lab)
    preset = msgspec.structs.replace(
        lab.run.preset, seeds=(1, 2), training=msgspec.structs.replace(lab.run.preset.training, epochs=3)
    )
    desk.desk.run = Run(lab.run.folder, preset)
    desk.put(desk.content)
    assert desk.finish(desk.record) == "it was made with other settings or inputs"


def test_who_has_lost_a_job_changes_nothing_any_more(lab: Lab) -> None:
    desk = Counter(lab)
    assert not desk.put(desk.content, worker="blue") and desk.finish(desk.record, worker="blue") == NOT_YOURS
    assert desk.ask(desk.desk.begin("key", "blue")) == b""
    said = encode(Progressed(0, "failed", note="no"))
    assert not desk.ask(desk.desk.event("key", "blue", said)) and not desk.ask(desk.desk.give_back("key", "blue", "no"))
    assert desk.told == []


def test_that_a_task_is_done_is_not_believed_without_its_files(lab: Lab) -> None:
    desk = Counter(lab)
    for state in ("done", "fresh"):
        said = msgspec.msgpack.encode({"task": 0, "state": state})
        with pytest.raises(msgspec.ValidationError):
            desk.ask(desk.desk.event("key", "red", said))
    assert desk.told == [] and desk.work.left


def test_a_worker_that_is_lost_while_its_files_are_written_ends_no_run(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Counter(lab)
    desk.put(desk.content)
    own = Incoming.keep

    def lose_it_then_keep(file: Incoming) -> bool:
        desk.desk.gone("red", "red", "is gone")
        return own(file)

    monkeypatch.setattr(Incoming, "keep", lose_it_then_keep)
    assert desk.ask(desk.desk.keep("key", "red", PATH, store.digest(desk.content))) is False
    assert desk.desk.failed == "" and not (lab.run.folder / PATH).exists()
    desk.ask(desk.desk.begin("key", "red"))
    desk.put(desk.content)
    assert desk.finish(desk.record) == "" and desk.desk.failed == ""
    assert (lab.run.folder / PATH).read_bytes() == desk.content and not desk.work.left


def test_what_a_lost_worker_has_just_finished_is_there_for_the_next_one(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, own = Counter(lab), Incoming.keep
    graph = Graph([Cell("mobilenet", 1, 0, "float32")])
    (job,) = graph.jobs(graph.wanted(("convert",)))
    desk.desk.works["key"] = Work(job, list(job.tasks))
    desk.ask(desk.desk.begin("key", "red"))
    desk.put(desk.content)
    is_writing, may_write = threading.Event(), threading.Event()

    def slow(file: Incoming) -> bool:
        is_writing.set()
        return may_write.wait(60) and own(file)

    async def finish_and_begin() -> Order:
        finishing = asyncio.create_task(desk.desk.finish("key", "red", 0, desk.record))
        await asyncio.to_thread(is_writing.wait, 60)
        desk.desk.gone("red", "red", "is gone")
        desk.desk.holder = lambda key: ("blue", "blue")
        beginning = asyncio.create_task(desk.desk.begin("key", "blue"))
        await asyncio.sleep(0)
        may_write.set()
        await finishing
        return decode(await beginning, Order)

    monkeypatch.setattr(Incoming, "keep", slow)
    order = asyncio.run(finish_and_begin())
    assert [task.stage for task in order.job.tasks] == ["convert"] and [file.path for file in order.files] == [PATH]


def test_pieces_that_do_not_fit_are_refused_and_end_no_run(lab: Lab) -> None:
    desk = Counter(lab)
    assert desk.put(b"one") and not desk.ask(desk.desk.put("key", "red", PATH, 7, b"three"))
    assert not desk.ask(desk.desk.keep("key", "red", "preset.json", "")) and desk.desk.failed == ""


def test_two_workers_of_one_job_write_no_file_together(lab: Lab) -> None:
    desk = Counter(lab)
    desk.put(b"late")
    late = desk.work.incoming[PATH]
    desk.desk.gone("red", "red", "is gone")
    desk.ask(desk.desk.begin("key", "red"))
    desk.put(desk.content)
    assert not late.add(4, b"r") and not late.add(0, b"later")  # its thread was already under way
    assert desk.finish(desk.record) == "" and (lab.run.folder / PATH).read_bytes() == desk.content
    assert not list(lab.run.folder.rglob(".*.partial"))


def test_of_a_job_that_was_moved_nothing_more_is_taken(lab: Lab) -> None:
    desk = Counter(lab)
    desk.put(desk.content[:10])
    desk.work.is_given_back = True  # Dask does not know yet
    assert not desk.put(desk.content) and desk.finish(desk.record) == NOT_YOURS


def test_a_job_whose_worker_was_lost_after_its_last_task_is_not_begun_again(lab: Lab) -> None:
    desk = Counter(lab)
    desk.put(desk.content)
    assert desk.finish(desk.record) == "" and desk.ask(desk.desk.begin("key", "red")) == b""


def test_what_is_left_of_a_job_has_a_log_of_its_own(lab: Lab) -> None:
    desk = Counter(lab)
    cell = Cell("mobilenet", 1, 0)
    graph = Graph([msgspec.structs.replace(cell, precision=name) for name in ("float32", "int8")])
    (job,) = graph.jobs(graph.wanted(("convert",)))
    desk.desk.works["key"] = Work(job, list(job.tasks[1:]))
    order = decode(desk.ask(desk.desk.begin("key", "red")), Order)
    assert order.job.tasks == job.tasks[1:]
    assert desk.put(b"trace", name=desk.run.relative(log_of(desk.run, order.job)))


def test_nothing_but_what_was_ordered_is_served_or_written(lab: Lab) -> None:
    desk = Counter(lab)
    assert not desk.put(b"x", name="../../evil") and not desk.put(b"x", name="preset.json")
    assert desk.ask(desk.desk.supply.blob("0" * 64, 0)) == b""
    (data,) = desk.order.data
    assert desk.ask(desk.desk.supply.blob(data.sha256, 0)) == b"images" * 1000
