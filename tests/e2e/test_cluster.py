"""A head and three workers, each in a network of its own: one is killed, one is cut off, the head is killed; the run ends
byte-identical to one on a single machine. Needs root, for the networks."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from kit import process, store
from kit.runs.artifacts import CHECKPOINT
from kit.runs.run import open_run
from kit.testing import namespace
from kit.workflow.progress import load_board
from tests.conftest import KIT, Kit, wait_for

CUT_OFF_S = 60
EPOCHS = 40


def ip(*arguments: str) -> None:
    done = process.run(["ip", *arguments])
    assert not done.code, f"ip {' '.join(arguments)}: {done.reason}"


class Place:
    """A network with one machine in it, joined to this one by a cable."""

    def __init__(self, stack: ExitStack) -> None:
        self.name, self.near, far = namespace.free_network()
        namespace.make(self.name, self.near)
        stack.callback(process.run, ["ip", "netns", "delete", self.name])
        ip("-n", self.name, "address", "add", f"{far}/30", "dev", "eth0")
        for device in ("lo", "eth0"):
            ip("-n", self.name, "link", "set", device, "up")

    def start(self, folder: Path, *arguments: str) -> subprocess.Popen[str]:
        """`kit worker` there, on files of its own."""
        own = ("worker", f"tcp://{self.near}:8786", "--slots", "1", "--name", self.name, "--cache", str(folder / self.name))
        with (folder / f"{self.name}.log").open("w") as log:
            return subprocess.Popen(
                ["ip", "netns", "exec", self.name, str(KIT), *own, *arguments], cwd=folder, text=True, stdout=log, stderr=log
            )

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        ip("link", "set", self.name, "down")
        try:
            yield
        finally:
            ip("link", "set", self.name, "up")


def contents(run: Path) -> dict[str, str]:
    found = [*run.rglob("*.safetensors"), *run.rglob("*.tflite")]
    return {path.relative_to(run).as_posix(): store.sha256(path) for path in sorted(found)}


def running(run: Path, machine: str) -> str:
    """What a machine is doing right now, once it is in the middle of it and has left a checkpoint."""
    board = load_board(run)
    for entry in board.entries if board else []:
        cell = run / entry.task.cell.name
        if entry.machine == machine and entry.state == "running" and entry.done > 0 and (cell / CHECKPOINT).is_file():
            return entry.task.name
    return ""


@pytest.fixture
def preset(kit: Kit) -> str:
    """Three short trainings of the smallest network."""
    text = (Path(__file__).parents[1] / "chaos" / "chaos.toml").read_text()
    for old, new in (
        ("epochs = 2", f"epochs = {EPOCHS}"),
        ("seeds = [1]", "seeds = [1, 2, 3]"),
        ("sparsities = [0, 60]", "sparsities = [0]"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    (kit.folder / "three.toml").write_text(text)
    return "three.toml"


def test_killed_and_cut_off_workers_and_a_killed_head_change_no_byte(kit: Kit, preset: str) -> None:
    kit("cluster", "keys", "keys")
    run = kit.folder / "runs" / "shared"
    lab = ("--cluster", "tcp://0.0.0.0:8786", "--keys", "keys", "--keep-every", "3")
    with ExitStack() as stack:
        killed, cut, steady = (Place(stack) for _ in range(3))
        head = kit.start("train", "--preset", preset, "--run", "runs/shared", *lab)
        workers = {place: place.start(kit.folder, "--keys", "keys", "--patience", "120") for place in (killed, cut, steady)}
        for one in (head, *workers.values()):
            stack.callback(end, one)
        lost = {place.name: wait_for(lambda place=place: running(run, place.name)) for place in (killed, cut)}
        workers[killed].kill()
        with cut.cut_off():
            time.sleep(CUT_OFF_S)
        out, err = head.communicate(timeout=1800)
        assert head.returncode == 0, out + err
        for name, task in lost.items():
            assert f"{name} is gone: {task} will resume on another machine" in out
        assert len(re.findall(r"^\S+ train \S+ on \S+ done", out, re.MULTILINE)) == 3
        assert "3 tasks done, 0 were up to date, 0 failed" in out

        head = kit.start("evaluate", "runs/shared", *lab)
        stack.callback(end, head)
        wait_for(lambda: list(run.rglob("convert.json")))
        head.kill()
        head.communicate()
        out = kit("evaluate", "runs/shared", *lab)
        assert "9 were up to date" not in out and " 0 failed" in out
        for place in (cut, steady):
            workers[place].send_signal(signal.SIGTERM)
            assert workers[place].wait(60) == 130

    kit("train", "--preset", preset, "--run", "runs/alone")
    kit("evaluate", "runs/alone")
    assert contents(run) == contents(kit.folder / "runs" / "alone")
    names = [f"{record.stage} {record.cell}" for record in open_run(run).records()]
    assert len(names) == len(set(names)) == 3 + 6 + 6
    assert "all 15 records hold" in kit("verify", "runs/shared")


def end(one: subprocess.Popen[str]) -> None:
    one.kill()
    one.wait()
