"""Jobs in processes on this machine, forked from one that has loaded what is slow to load."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from kit.runs.run import Run
from kit.workflow import worker
from kit.workflow.executor import Ended, Happened
from kit.workflow.graph import Job

_LOST = 255  # what multiprocessing says of a worker whose process server is gone
_KILLED = "was killed, probably out of memory"
_REMEDY = "run it with --workers 1"
_MOMENT_S = 0.5


@dataclass
class _Running:
    job: Job
    process: BaseProcess
    log: Path


class LocalExecutor:
    """`slots` jobs at once. `lock` is the descriptor that holds the run's folder: it is held as long as a process lives.
    In `scratch` processes have their temporary files, which one that is killed leaves there; `remedy` is what to do if one
    is."""

    def __init__(self, run: Run, data: Path, slots: int, lock: int, scratch: Path, remedy: str = _REMEDY) -> None:
        self.run, self.data, self.slots, self.lock, self.scratch, self.remedy = run, data, slots, lock, scratch, remedy
        self._running: dict[Connection, _Running] = {}
        self._unstarted: list[Ended] = []
        self._context = multiprocessing.get_context("forkserver")

    def start(self, job: Job) -> None:
        log = log_of(self.run, job)
        receiver, sender = self._context.Pipe(duplex=False)
        arguments = (job, self.run, self.data, log, self.scratch, sender, worker.Inherited(self.lock))
        process = self._context.Process(target=worker.main, args=arguments, daemon=True)
        try:
            process.start()
        except (EOFError, ConnectionError) as error:
            receiver.close()
            self._unstarted.append(Ended(job, f"the process server {_KILLED}: {self.remedy} ({type(error).__name__})"))
        else:
            self._running[receiver] = _Running(job, process, log)
        finally:
            sender.close()

    def events(self, patience_s: float = _MOMENT_S) -> Iterator[Happened | Ended]:
        """As the protocol says; waits `patience_s` at most."""
        unstarted, self._unstarted = self._unstarted, []
        yield from unstarted
        for ready in wait(list(self._running), timeout=0 if unstarted else patience_s):
            assert isinstance(ready, Connection)
            running = self._running[ready]
            try:
                yield ready.recv()
            except EOFError:
                yield self._end(ready, running)

    def _end(self, connection: Connection, running: _Running) -> Ended:
        connection.close()
        del self._running[connection]
        running.process.join()
        return Ended(running.job, ending(running.process.exitcode, running.log, self.remedy))

    def stop(self) -> None:
        """Kill what is running."""
        for running in self._running.values():
            running.process.kill()
            running.process.join()


def log_of(run: Run, job: Job) -> Path:
    """Where what the process of a job prints is kept."""
    return run.folder / "logs" / f"{job.tasks[0].name.replace(' ', '-').replace('/', '-')}.log"


@contextmanager
def processes(run: Run, data: Path, slots: int, lock: int, warm: bool) -> Iterator[LocalExecutor]:
    """An executor; with `warm`, TensorFlow is loaded once for all jobs, before the first begins."""
    start_server(warm)
    with tempfile.TemporaryDirectory(prefix="kit-", ignore_cleanup_errors=True) as scratch:
        executor = LocalExecutor(run, data, slots, lock, Path(scratch))
        try:
            yield executor
        finally:
            executor.stop()


def start_server(warm: bool) -> None:
    """Start the process that all jobs are forked from. Only the main thread can."""
    preload = ["kit.workflow.worker", *(["kit.workflow.warm"] if warm else [])]
    multiprocessing.get_context("forkserver").set_forkserver_preload(preload)
    with _deaf_to_ctrl_c():
        forkserver.ensure_running()
    # Python starts it again; the kit has nothing in it that could leak.
    warnings.filterwarnings("ignore", "resource_tracker: process died unexpectedly", UserWarning)


def wait_for_server() -> None:
    """Wait until it has loaded all that it shall: the first process, which does nothing, begins only then."""
    process = multiprocessing.get_context("forkserver").Process(target=int)
    process.start()
    process.join()


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """What is started here hears no Ctrl-C from its first moment on: it is this process's to handle, at the end of this."""
    resource_tracker.ensure_running()  # it starts with the server otherwise, and unblocks Ctrl-C
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # to ignore it would lose it
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def ending(code: int | None, log: Path, remedy: str = _REMEDY) -> str:
    """How a worker ended that did not say why. The log of a killed one says nothing of it."""
    if code == -signal.SIGKILL:
        return f"its process {_KILLED}: {remedy}"
    if code == _LOST:
        return f"the process server {_KILLED}: {remedy}"
    ended = f"was ended by {signal.Signals(-code).name}" if code and code < 0 else f"ended with code {code}"
    return f"its process {ended}, see {log}"


def default_slots(threads: int) -> int:
    """One job for each `threads` cores that this process may use."""
    return max(1, len(os.sched_getaffinity(0)) // threads)
