"""Whether a run's records belong to its preset and to each other: one answer for reports, status, dry runs and verify."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cache, cached_property, partial

from kit.errors import KitError
from kit.runs import bundle
from kit.runs.artifacts import MODEL
from kit.runs.record import Record
from kit.runs.run import Run
from kit.runs.stage import Finding, Hashes, State
from kit.stages.registry import STAGES, maker
from kit.study.grid import Cell

MADE_FROM = "made from what"


class Standing:
    """One look at a run: each file is hashed once. What is made from something stale is stale too."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.of = cache(self._of)
        self._there = cache(partial(bundle.digest, run))
        self._hashes = Hashes(self._there, self._claimed)

    @cached_property
    def _claims(self) -> dict[str, str]:
        """What records say of the files that their stages wrote."""
        found: dict[str, str] = {}
        for path in self.run.record_paths():
            with suppress(KitError):
                found |= self.run.read(path).outputs
        return found

    def _claimed(self, name: str) -> str | None:
        return self._claims.get(name)

    def _of(self, stage: str, cell: Cell) -> Finding:
        """How the record of `stage` at `cell` stands."""
        own = STAGES[stage].finding(self.run, cell, self._hashes)
        makers = [(maker(one.file, one.cell).name, one.cell) for one in STAGES[stage].inputs(cell)]
        return self.made_from(own, makers)

    def made_from(self, own: Finding, makers: Iterable[tuple[str, Cell]]) -> Finding:
        """The finding with what follows from how the records of its inputs stand."""
        each = [(f"{name} {place.name}", self.of(name, place)) for name, place in makers]
        unsound = [(name, found) for name, found in each if not found.is_done]
        if own.state is State.missing or not unsound:
            return own
        why = tuple(f"{MADE_FROM} {name} wrote, which is {found.state}" for name, found in unsound)
        return Finding(
            State.stale,
            own.why or why,
            own.belongs and all(found.belongs or found.state is State.missing for _, found in unsound),
        )

    def of_bench(self, cell: Cell, record: Record) -> Finding:
        """How a bench's record stands to the model that the run has now."""
        model = self.run.relative(self.run.path(cell, MODEL))
        measured = next((digest for name, digest in record.inputs.items() if name.endswith(MODEL)), None)
        if record.cell != cell.name:
            return Finding(State.stale, (f"it is the record of {record.stage} {record.cell}",), False)
        objection = self._hashes.objection(model, measured)
        own = Finding(State.stale, objection[:1], not objection[1]) if objection else Finding(State.fresh)
        return self.made_from(own, [(maker(MODEL, cell).name, cell)])
