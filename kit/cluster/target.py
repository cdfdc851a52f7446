"""What `--cluster` names: an address to listen at, workers on this machine, or a batch system's."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from kit import process
from kit.cluster import address, keys, slurm
from kit.cluster.address import Address
from kit.cluster.executor import KEEP_EVERY_S, ClusterExecutor, listening
from kit.errors import KitError
from kit.runs.run import Run

KIT = Path(sys.executable).with_name("kit")
_ENDS_WITHIN_S = 30.0  # a worker, on a busy machine: one that is killed leaves temporary files
_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 - only compared


class Target(Struct, frozen=True):
    """A cluster, as the command line names it."""

    name: str
    keys: Path | None = None
    insecure: bool = False
    mixed: bool = False
    keep_every_s: float = KEEP_EVERY_S

    def check(self) -> None:
        """Raise KitError if the name means nothing, or if it would be open to strangers."""
        if not self._count:
            head = slurm.load(Path(self.name)).head if self._is_file else self.name
            address.refuse_open(address.parse(head), self.keys, self.insecure)

    @property
    def _count(self) -> int:
        """How many workers on this machine; 0 for a cluster elsewhere."""
        found = re.fullmatch(r"local:([1-9]\d{0,2})", self.name)
        return int(found[1]) if found else 0

    @property
    def _is_file(self) -> bool:
        return self.name.endswith(".toml")

    def executor(self, run: Run, data: Path) -> AbstractContextManager[ClusterExecutor]:
        """Workers for a run, of a cluster that was checked."""
        if self._count:
            return _local(run, data, self._count, self)
        if self._is_file:
            return _slurm(run, data, slurm.load(Path(self.name)), self)
        return _network(run, data, address.parse(self.name), self)


@contextmanager
def _network(run: Run, data: Path, at: Address, target: Target) -> Iterator[ClusterExecutor]:
    """Whoever has the keys and comes."""
    with listening(run, data, at, target.keys, target.mixed, target.keep_every_s) as executor:
        executor.waits_for = f"workers: {' '.join(_joining(at, target))}"
        yield executor


def _joining(at: Address, target: Target) -> list[str]:
    """The command that another machine joins with."""
    host = socket.gethostname() if at.host in _ANYWHERE else at.host
    own = ["--keys", str(target.keys)] if target.keys else ["--insecure"] if not at.is_loopback else []
    return ["kit", "worker", str(Address(host, at.port)), *own]


@contextmanager
def _local(run: Run, data: Path, count: int, target: Target) -> Iterator[ClusterExecutor]:
    """Workers on this machine, one job each, that share its cache and end with the run."""
    with TemporaryDirectory(prefix="kit-") as folder, ExitStack() as after_the_head:
        own = Path(folder) / "keys"
        keys.make(own)
        with listening(run, data, Address("127.0.0.1", 0), own, target.mixed, target.keep_every_s) as executor:
            at, cache = str(executor.address), Path(folder) / "cache"
            common: list[str | Path] = [KIT, "worker", at, "--slots=1", "--keys", own, "--cache", cache, "--patience=0"]
            workers = []
            for index in range(1, count + 1):
                workers.append(process.Dialog([*common, "--name", f"worker-{index}"]))
                after_the_head.callback(workers[-1].end, _ENDS_WITHIN_S)
            for worker in workers:
                after_the_head.callback(worker.terminate)  # all of them, before any is waited for
            executor.check = lambda: _refuse_none(workers)
            executor.waits_for = "its own workers to start"
            yield executor


def _refuse_none(workers: list[process.Dialog]) -> None:
    """Raise KitError if all have ended."""
    ended = [worker for worker in workers if worker.has_ended]
    if len(ended) == len(workers):
        raise KitError(f"all workers have ended: {ended[-1].end().reason}", "free what they need; the same command resumes")


@contextmanager
def _slurm(run: Run, data: Path, wanted: slurm.Slurm, target: Target) -> Iterator[ClusterExecutor]:
    """Jobs of the batch system, which end with the run."""
    at = address.parse(wanted.head)
    join = [str(KIT), *_joining(at, target)[1:]]
    with (
        slurm.submitted(wanted, join) as number,  # first, so that workers outlive the head's farewell
        listening(run, data, at, target.keys, target.mixed, target.keep_every_s) as executor,
    ):
        executor.waits_for = f"Slurm to start workers: squeue --job {number}"
        yield executor
