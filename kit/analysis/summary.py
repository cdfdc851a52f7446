"""Several runs together: everything about each, and how seeds matter between runs that differ in nothing else."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from kit.analysis import stopping, trainings
from kit.analysis.claims.decide import decide
from kit.analysis.comparison import Comparison, compare
from kit.analysis.compression import Compression, compressions
from kit.analysis.cost import with_cost
from kit.analysis.evidence import RunEvidence
from kit.analysis.forecast import Collapse, Forecast, collapses, forecasts
from kit.analysis.measurement import Series
from kit.analysis.results import Result
from kit.analysis.schema import Row, Timing, row, timing
from kit.analysis.sequential import Plan
from kit.analysis.several import SeveralTrainings
from kit.analysis.tradeoffs import Tradeoff, tradeoffs
from kit.analysis.trainings import OverSeeds
from kit.analysis.verdicts import Verdict
from kit.errors import KitError
from kit.runs import looks
from kit.runs.run import Run
from kit.study import datasets
from kit.study.grid import Cell, named
from kit.study.preset import Preset


class OneRun(Struct, frozen=True):
    """One run: its preset, a row for each cell, every bench, and what is concluded from them.

    `by_class` has the top-1 of each class by cell, ties shared evenly; `by_class_as_studied` gives each tie to the last
    class, as the study did, where ties are known. `series` is the one in which times decide;
    `tradeoffs` are what each compression costs and saves.
    """

    name: str
    preset: Preset
    cells: tuple[Row, ...]
    by_class: dict[str, dict[str, float]]
    by_class_as_studied: dict[str, dict[str, float]]
    benches: tuple[Timing, ...]
    series: Series | None
    verdicts: tuple[Verdict, ...]
    comparisons: tuple[Comparison, ...]
    compressions: tuple[Compression, ...]
    tradeoffs: tuple[Tradeoff, ...]


class Trainings(Struct, frozen=True):
    """Runs that differ in nothing but seed and patience, or one run alone: what their trainings show of the networks.

    `runs` are their names, in the order of `seeds` and `patience_epochs`. A training that several of them have counts once,
    with the most patience: `left_out` names it in the others. `longest_wait_epochs` is the longest wait of any for an epoch
    that was better: a training with less patience than that may have ended too early. `tradeoffs` say what each compression
    costs and saves, `forecasts` whether each published accuracy could be one more of theirs, `collapses` how often int8
    collapses.
    """

    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    patience_epochs: tuple[int, ...]
    left_out: tuple[str, ...]
    longest_wait_epochs: int
    verdicts: tuple[Verdict, ...]
    tradeoffs: tuple[Tradeoff, ...]
    forecasts: tuple[Forecast, ...]
    collapses: tuple[Collapse, ...]


class Study(Struct, frozen=True):
    """One or more runs side by side, in the order in which they were given; each is of one seed. `trainings` has them in
    groups that differ in nothing else, and with them the verdicts that count: over all trainings. `within` has the same for
    the seeds of each folder alone. `results` are the rows that each run was concluded from."""

    runs: tuple[OneRun, ...]
    seeds: tuple[OverSeeds, ...]
    trainings: tuple[Trainings, ...]
    within: tuple[Trainings, ...]
    results: tuple[tuple[Result, ...], ...]

    def of(self, runs: Sequence[OneRun]) -> Trainings:
        """What the seeds of one folder show."""
        names = tuple(run.name for run in runs)
        return next(group for group in self.within if group.runs == names)


class _Part(Struct, frozen=True):
    """A run of one seed, with the longest wait of each of its trainings, by name."""

    run: OneRun
    evidence: RunEvidence
    waits: dict[str, int]

    def without(self, names: Container[str]) -> _Part:
        """Its other trainings alone."""
        kept = [result for result in self.evidence.results.values() if result.cell.trained.name not in names]
        run = replace(
            self.run,
            cells=tuple(row for row in self.run.cells if named(row.cell).trained.name not in names),
            comparisons=tuple(row for row in self.run.comparisons if named(row.cell).trained.name not in names),
        )
        waits = {name: wait for name, wait in self.waits.items() if name not in names}
        return _Part(run, RunEvidence(self.evidence.run, kept), waits)


def join(runs: Sequence[Run]) -> Study:
    """Everything that can be said about some runs, each of one seed. Raises KitError if two of them have one name."""
    _check_names(runs)
    parts = [_part(run) for run in runs]
    groups = [_each_once(group) for group in trainings.alike(parts, lambda part: part.run.preset)]
    joined = tuple(_trainings(*group) for group in groups)
    by_folder: dict[Path, list[_Part]] = {}
    for run, part in zip(runs, parts, strict=True):
        by_folder.setdefault(run.folder, []).append(part)
    known = {group.runs: group for group in joined if not group.left_out}
    return Study(
        runs=tuple(part.run for part in parts),
        seeds=tuple(_over_seeds(group for group, _ in groups)),
        trainings=joined,
        within=tuple(known.get(_names(own)) or _trainings(own, []) for own in by_folder.values()),
        results=tuple(tuple(part.evidence.results.values()) for part in parts),
    )


def _check_names(runs: Sequence[Run]) -> None:
    names = [run.name for run in runs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise KitError(f"two runs are called {twice[0]}", "name each run once; of two folders, rename one")


def _part(run: Run) -> _Part:
    evidence = RunEvidence(run)
    return _Part(one_run(run, evidence), evidence, stopping.waits(run))


def _names(group: Sequence[_Part]) -> tuple[str, ...]:
    return tuple(part.run.name for part in group)


def _each_once(group: Sequence[_Part]) -> tuple[list[_Part], list[str]]:
    """Each training once, in the run that had the most patience with it, or the first of those; and the names of those that
    are left out."""
    chosen: dict[str, _Part] = {}
    for part in sorted(group, key=lambda part: -part.run.preset.training.patience_epochs):
        chosen = dict.fromkeys(part.waits, part) | chosen
    kept: list[_Part] = []
    left_out: list[str] = []
    for part in group:
        others = [name for name in part.waits if chosen[name] is not part]
        if not others:
            kept.append(part)
        elif len(others) < len(part.waits):
            kept.append(part.without(others))
        left_out += [f"{part.run.name}/{name}" for name in others]
    return kept, left_out


def _trainings(group: Sequence[_Part], left_out: Sequence[str]) -> Trainings:
    each, first = [part.evidence for part in group], group[0].run
    return Trainings(
        runs=_names(group),
        seeds=tuple(part.run.preset.seeds[0] for part in group),
        patience_epochs=tuple(part.run.preset.training.patience_epochs for part in group),
        left_out=tuple(left_out),
        longest_wait_epochs=max((wait for part in group for wait in part.waits.values()), default=0),
        verdicts=first.verdicts if len(group) == 1 else over_trainings(each),
        tradeoffs=first.tradeoffs if len(group) == 1 else tuple(tradeoffs(each)),
        forecasts=tuple(forecasts([part.run for part in group])),
        collapses=tuple(collapses([part.run for part in group])),
    )


def one_run(run: Run, evidence: RunEvidence | None = None) -> OneRun:
    evidence = evidence or RunEvidence(run)
    each = list(evidence.results.values())
    return OneRun(
        name=run.name,
        preset=run.preset,
        cells=tuple(row(run.name, r) for r in each),
        by_class=_by_class(run, {r.cell: r.test.by_class for r in each if r.test}),
        by_class_as_studied=_by_class(run, {r.cell: r.test.studied.by_class for r in each if r.test and r.test.studied}),
        benches=tuple(timing(r, bench) for r in each for bench in r.benches),
        series=evidence.series,
        verdicts=tuple(decide(evidence)),
        comparisons=tuple(compare(evidence)),
        compressions=tuple(compressions(evidence)),
        tradeoffs=tuple(tradeoffs([evidence])),
    )


def _by_class(run: Run, found: dict[Cell, tuple[float, ...]]) -> dict[str, dict[str, float]]:
    classes = datasets.get(run.preset.dataset).classes
    return {
        cell.name: {label: top1 for label, top1 in zip(classes, by_class, strict=True) if not math.isnan(top1)}
        for cell, by_class in found.items()
    }


def over_trainings(each: Sequence[RunEvidence], keys: Sequence[str] = ()) -> tuple[Verdict, ...]:
    """The verdicts, or those with these `keys`, over trainings that differ in nothing but the seed, at the level that the
    plans of their folders leave."""
    plans = (looks.read(folder) for folder in dict.fromkeys(one.run.folder for one in each))
    plan = Plan(*(found for found in plans if found))
    return tuple(with_cost(verdict, each) for verdict in decide(SeveralTrainings(each), plan, keys))


def _over_seeds(groups: Iterable[Sequence[_Part]]) -> Iterator[OverSeeds]:
    for group in groups:
        found = trainings.over_seeds([part.run.cells for part in group]) if len(group) > 1 else ()
        yield from (one for one in found if one.n > 1)
