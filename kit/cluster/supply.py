"""What the head gives to workers: the files that their jobs read, by SHA-256, and no others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from kit import store
from kit.cluster import messages, results
from kit.cluster.messages import File
from kit.datasets import prepare
from kit.runs.run import Run
from kit.stages.registry import STAGES
from kit.study import networks
from kit.workflow.graph import Task


class Supply:
    """Files of a run, and of the data set and networks that it is about. What was named once can be asked for."""

    def __init__(self, run: Run, data: Path) -> None:
        self.run, self.data = run, data
        self._served: dict[str, Path] = {}
        self._for_all: tuple[tuple[File, ...], tuple[File, ...]] = ((), ())

    def of(self, tasks: Sequence[Task]) -> tuple[File, ...]:
        """What these tasks read that none of them writes, and their checkpoints."""
        made = {name for task in tasks for name in results.outputs(self.run, task)}
        read = [self.run.path(one.cell, one.file) for t in tasks for one in STAGES[t.stage].inputs(t.cell)]
        names = {*map(self.run.relative, read)} - made | {name for t in tasks for name in results.scratch(self.run, t)}
        return tuple(
            self.serve(self.run.folder / name, name) for name in sorted(names) if (self.run.folder / name).is_file()
        )

    def for_all(self) -> tuple[tuple[File, ...], tuple[File, ...]]:
        """The files of the data set and those of the user's own networks, which are the same for all jobs."""
        if not self._for_all[0]:
            self._for_all = self._of_data(), self._of_networks()
        return self._for_all

    def _of_data(self) -> tuple[File, ...]:
        place = prepare.location(self.data, self.run.preset.dataset)
        paths = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
        return tuple(self.serve(path, path.relative_to(self.data).as_posix()) for path in paths)

    def _of_networks(self) -> tuple[File, ...]:
        own = self.run.preset.networks.items()
        return tuple(self.serve(path, f"{name}/{at}") for name, one in own for at, path in networks.files(one).items())

    def serve(self, path: Path, name: str) -> File:
        """From now on a worker gets the file if it asks for its SHA-256."""
        file = File(name, store.sha256(path), path.stat().st_size)
        self._served[file.sha256] = path
        return file

    async def blob(self, sha256: str, offset: int) -> bytes:
        """A piece of a file that was named; empty at its end, and for any other."""
        path = self._served.get(sha256)
        return b"" if path is None else await asyncio.to_thread(_piece, path, offset)


def _piece(path: Path, offset: int) -> bytes:
    with path.open("rb") as stream:
        stream.seek(offset)
        return stream.read(messages.CHUNK)
