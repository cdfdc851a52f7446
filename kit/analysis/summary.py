"""Several runs together: everything about each, and how seeds matter between runs that differ in nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

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
from kit.runs import looks
from kit.runs.run import Run
from kit.study import datasets
from kit.study.grid import Cell
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
    """Runs that differ in nothing but the seed, or one run alone: what their trainings show of the networks.

    `runs` are their names, in the order of `seeds` and `patience_epochs`, of which the shortest would have left all with the
    weights that they have. `tradeoffs` say what each compression costs and saves, `forecasts` whether each published
    accuracy could be one more of theirs, `collapses` how often int8 collapses.
    """

    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    patience_epochs: tuple[int, ...]
    verdicts: tuple[Verdict, ...]
    tradeoffs: tuple[Tradeoff, ...]
    forecasts: tuple[Forecast, ...]
    collapses: tuple[Collapse, ...]


class Study(Struct, frozen=True):
    """One or more runs side by side, in the order in which they were given; each is of one seed. `trainings` has them in
    groups that differ in nothing else, and with them the verdicts that count: over all trainings. `results` are the rows
    that each run was concluded from."""

    runs: tuple[OneRun, ...]
    seeds: tuple[OverSeeds, ...]
    trainings: tuple[Trainings, ...]
    results: tuple[tuple[Result, ...], ...]

    def of(self, run: OneRun) -> Trainings | None:
        """The group that a run is in."""
        return next((group for group in self.trainings if run.name in group.runs), None)


def join(runs: Sequence[Run]) -> Study:
    """Everything that can be said about some runs."""
    evidence = {run.name: RunEvidence(run) for run in runs}
    reported = tuple(one_run(run, evidence[run.name]) for run in runs)
    waits = {run.name: stopping.waits(run) for run in runs}
    groups = trainings.alike(reported, lambda run: run.preset, lambda run: waits[run.name])
    return Study(
        runs=reported,
        seeds=tuple(_over_seeds(groups)),
        trainings=tuple(_trainings(group, [evidence[r.name] for r in group]) for group in groups),
        results=tuple(tuple(evidence[run.name].results.values()) for run in runs),
    )


def _trainings(group: Sequence[OneRun], each: Sequence[RunEvidence]) -> Trainings:
    verdicts = group[0].verdicts if len(group) == 1 else over_trainings(each)
    return Trainings(
        runs=tuple(run.name for run in group),
        seeds=tuple(run.preset.seeds[0] for run in group),
        patience_epochs=tuple(run.preset.training.patience_epochs for run in group),
        verdicts=verdicts,
        tradeoffs=group[0].tradeoffs if len(group) == 1 else tuple(tradeoffs(each)),
        forecasts=tuple(forecasts(group)),
        collapses=tuple(collapses(group)),
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
    run's plan leaves if they are of one run."""
    folders = {one.run.folder for one in each}
    plan = Plan(looks.read(folders.pop())) if len(folders) == 1 else Plan()
    return tuple(with_cost(verdict, each) for verdict in decide(SeveralTrainings(each), plan, keys))


def _over_seeds(groups: Iterable[Sequence[OneRun]]) -> Iterator[OverSeeds]:
    for group in groups:
        found = trainings.over_seeds([run.cells for run in group]) if len(group) > 1 else ()
        yield from (one for one in found if one.n > 1)
