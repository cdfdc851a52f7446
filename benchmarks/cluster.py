"""What a cluster costs: the same trainings by processes of this machine and by workers on it, and what the head can move.

    python benchmarks/cluster.py                          # 4 trainings, 1 and 2 at once, both ways in turn
    python benchmarks/cluster.py --epochs 60 --repeats 3
    python benchmarks/cluster.py --together               # both ways at once: other load meets both alike
    python benchmarks/cluster.py --transfer 256           # MB through the head, TLS on the loopback

The span is from the first training's start to the last one's end: what comes before, such as loading TensorFlow, is done
once a run. Processor time is that of all processes, the head and what comes before included. Trainings are of the smallest
network on digits, with one thread each.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from machine import machine, spread

CHAOS = Path(__file__).parents[1] / "tests" / "chaos" / "chaos.toml"
SUBREAPER = 36  # of prctl: what a process leaves behind becomes this one's child, and its processor time is counted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--tasks", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--together", action="store_true")
    parser.add_argument("--transfer", type=int, metavar="MB")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}", flush=True) if not arguments.serve else None
    if arguments.serve:
        serve(arguments.serve[0], int(arguments.serve[1]), arguments.tasks, arguments.epochs)
    elif arguments.transfer:
        transfer(arguments.transfer)
    elif arguments.together:
        together(arguments.tasks, arguments.epochs, arguments.repeats)
    else:
        compare(arguments.tasks, arguments.epochs, arguments.repeats)


def compare(tasks: int, epochs: int, repeats: int) -> None:
    """Both sides in turn, so that other load meets both."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    print(f"{tasks} trainings of {epochs} epochs; n = {repeats}: median (minimum–maximum)")
    print(f"{'':12}{'span, s':>22}{'a training, s':>22}{'processor, s':>22}{'head, ms/task':>16}")
    for count in (1, 2):
        found: dict[str, list[dict[str, float]]] = {"local": [], "cluster": []}
        for repeat in range(repeats):
            for side in list(found) if repeat % 2 else reversed(list(found)):
                found[side].append(one(side, count, tasks, epochs))
        for side, each in found.items():
            columns = [spread([run[key] for run in each], 1) for key in ("span_s", "training_s", "processor_s")]
            print(f"{side:8}{count:4}" + "".join(f"{text:>22}" for text in columns), end="")
            print(f"{spread([run['head_s'] * 1000 / tasks for run in each]):>16}")
        for key in ("span_s", "training_s", "processor_s"):
            ratios = [theirs[key] / ours[key] for ours, theirs in zip(found["local"], found["cluster"], strict=True)]
            print(f"{'':8}cluster to local, {key}: {spread(ratios, 3)}", flush=True)


def together(tasks: int, epochs: int, repeats: int) -> None:
    """Both sides at the same time, on the same cores."""
    print(f"{tasks} trainings of {epochs} epochs on each side; n = {repeats}: median (minimum–maximum)")
    for count in (1, 2):
        found: dict[str, list[dict[str, float]]] = {"local": [], "cluster": []}
        for _ in range(repeats):
            sides = {side: subprocess.Popen(_serving(side, count, tasks, epochs), stdout=subprocess.PIPE) for side in found}
            for side, process in sides.items():
                found[side].append(json.loads(process.communicate()[0].splitlines()[-1]))
        for key in ("span_s", "training_s"):
            ratios = [theirs[key] / ours[key] for ours, theirs in zip(found["local"], found["cluster"], strict=True)]
            each = {side: spread([run[key] for run in runs], 1) for side, runs in found.items()}
            print(
                f"{count} at once, {key}: local {each['local']}, cluster {each['cluster']}, ratio {spread(ratios, 3)}",
                flush=True,
            )


def _serving(side: str, count: int, tasks: int, epochs: int) -> list[str]:
    own = ["--serve", side, str(count), "--tasks", str(tasks), "--epochs", str(epochs)]
    return [sys.executable, __file__, *own]


def one(side: str, count: int, tasks: int, epochs: int) -> dict[str, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(_serving(side, count, tasks, epochs), stdout=subprocess.PIPE, text=True, check=True)
    while True:  # what it left behind
        try:
            os.wait()
        except ChildProcessError:
            break
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**json.loads(done.stdout.splitlines()[-1]), "processor_s": used}


class Clock:
    """When the first task began, when the last one ended, and how long each took, s."""

    def __init__(self) -> None:
        self.began = self.ended = 0.0
        self.took: list[float] = []

    def at_once(self, slots: int) -> None:
        pass

    def update(self, task: object, state: str, done: int = 0, total: int = 0, note: str = "", machine: str = "") -> None:
        self.began = self.began or time.monotonic()
        if state == "done":
            self.ended = time.monotonic()
            self.took.append(float(note.partition(" ")[0]))


def serve(side: str, count: int, tasks: int, epochs: int) -> None:
    from kit import store
    from kit.cluster.target import Target
    from kit.datasets import prepare
    from kit.runs.run import create
    from kit.study.preset import parse
    from kit.workflow import local, scheduler
    from kit.workflow.graph import Graph

    text = CHAOS.read_text().replace("epochs = 2", f"epochs = {epochs}", 1)
    text = text.replace("seeds = [1]", f"seeds = {list(range(1, tasks + 1))}")
    text = text.replace("sparsities = [0, 60]", "sparsities = [0]")
    preset, clock = parse(text, "the benchmark's"), Clock()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        run, data = create(Path(folder) / "run", preset), Path(folder) / "data"
        prepare.prepare(data, preset.dataset)
        lock = stack.enter_context(store.exclusive(run.folder))
        graph = Graph(preset.cells())
        if side == "local":
            executor = stack.enter_context(local.processes(run, data, count, lock, warm=True))
        else:
            executor = stack.enter_context(Target(f"local:{count}").executor(run, data))
            while executor.slots < count:
                time.sleep(0.1)
        before = time.process_time()
        outcome = scheduler.execute(run, graph.jobs(graph.wanted(("train",))), executor, clock)
        head_s = time.process_time() - before
        assert len(outcome.done) == tasks, outcome.failed
    mean = sum(clock.took) / tasks
    print(json.dumps({"span_s": clock.ended - clock.began, "training_s": mean, "head_s": head_s}))


def transfer(megabytes: int) -> None:
    """Send a file to the head and fetch it again, from another process; the head's own processor time for each."""
    from kit import store
    from kit.cluster import keys
    from kit.cluster.address import Address
    from kit.cluster.desk import Desk, Work
    from kit.cluster.head import Head
    from kit.cluster.incoming import Incoming
    from kit.cluster.machines import Machines
    from kit.runs.run import create
    from kit.study.preset import load
    from kit.workflow.graph import Job

    with tempfile.TemporaryDirectory() as folder:
        own, path = Path(folder) / "keys", Path(folder) / "file"
        keys.make(own)
        path.write_bytes(os.urandom(1_000_000) * megabytes)
        run = create(Path(folder) / "run", load("smoke"))
        desk = Desk(run, Path(folder), Machines(False, print), 180.0, lambda told: None)
        with Head(Address("127.0.0.1", 0), keys.security(own), desk) as head:
            desk.works["key"] = Work(Job((), ()), [], incoming={"file": Incoming(run.folder / "file")})
            desk.holder = lambda key: ("worker", "worker")
            served = desk.supply.serve(path, "file")
            for what in ("send", "fetch"):
                before, began = time.process_time(), time.monotonic()
                client = threading.Thread(target=_client, args=(what, head.address, own, path, served))
                client.start()
                client.join()
                took = time.monotonic() - began
                print(f"{what}: {megabytes / took:.0f} MB/s; processor time of head and client together: "
                      f"{(time.process_time() - before) * 1000 / megabytes:.1f} ms/MB", flush=True)  # fmt: skip
            assert store.sha256(run.folder / "file") == served.sha256


def _client(what: str, address: object, own: Path, path: Path, served: object) -> None:
    from distributed.core import rpc

    from kit.cluster import keys
    from kit.cluster.link import Link

    async def work() -> None:
        security = keys.security(own)
        async with rpc(address.of_dask(True), connection_args=security.get_connection_args("worker")) as head:
            link = Link(lambda call, **keywords: getattr(head, call)(**keywords), "key", "worker")
            if what == "send":
                await link.keep(path, "file")
            else:
                with tempfile.TemporaryFile() as stream:
                    await link.fetch(served, stream)

    asyncio.run(work())


if __name__ == "__main__":
    main()
