"""What a report is made of: a run's records, read once, with the file and the hash of each."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from kit.records import record as records
from kit.records import store
from kit.records.record import Record
from kit.records.run import Run
from kit.report.results import Result, results
from kit.report.study import OneRun


class Source(Struct, frozen=True):
    """A record, and the file that it is in: `path` in the run, `sha256` of its bytes."""

    path: str
    sha256: str
    record: Record


class Material(Struct, frozen=True):
    """All that one run gives to a report."""

    run: Run
    results: list[Result]
    sources: list[Source]
    concluded: OneRun

    def of(self, *stages: str) -> list[Source]:
        """The records of these stages, in the order of the preset's cells."""
        order = {name: index for index, name in enumerate(self._names())}
        chosen = [source for source in self.sources if source.record.stage in stages and source.record.cell in order]
        return sorted(chosen, key=lambda source: (order[source.record.cell], source.path))

    def _names(self) -> list[str]:
        """Variants and cells of the preset."""
        cells = self.run.preset.cells()
        return list(dict.fromkeys([name for cell in cells for name in (cell.variant.name, cell.name)]))

    @property
    def missing(self) -> list[str]:
        """The names of the cells that lack a figure."""
        return [r.cell.name for r in self.results if not all((r.weights, r.size_bytes, r.test, r.latency))]


def gather(run: Run, concluded: OneRun) -> Material:
    """Read all records of `run`; `concluded` is what follows from them."""
    sources = [_source(run, path) for path in run.record_paths()]
    return Material(run, results(run), sources, concluded)


def _source(run: Run, path: Path) -> Source:
    return Source(run.relative(path), store.sha256(path), records.read(path))
