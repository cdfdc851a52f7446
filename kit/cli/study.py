"""`kit reproduce` and its parts: `train`, `compress`, `evaluate`; and `data`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kit import console
from kit.cli import live, preview, runs
from kit.cli import options as opt
from kit.cli.targets import find_run, parsed

if TYPE_CHECKING:
    from kit.runs.looks import Looks
    from kit.study.preset import Preset
    from kit.workflow.reproduce import RunRequest
    from kit.workflow.scheduler import TaskOutcomes


def reproduce(
    patterns: opt.Patterns = None,
    preset: opt.PresetName = "paper",
    run: opt.RunFolder = None,
    data: opt.Data = opt.DATA,
    archive: opt.Archive = None,
    workers: opt.Workers = None,
    everything: opt.All = False,
    replace: opt.Replace = False,
    cluster: opt.Cluster = None,
    keys: opt.Keys = None,
    insecure: opt.Insecure = False,
    mixed: opt.Mixed = False,
    keep_every: opt.KeepEvery = opt.KEEP_EVERY_S,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run, and about how long.")] = False,
    until_decided: opt.UntilDecided = None,
    max_seeds: opt.MaxSeeds = 10,
    language: opt.LanguageName = "en",
    as_json: opt.Json = False,
    folder: opt.Runs = opt.RUNS,
    reports: opt.Reports = opt.REPORTS,
) -> None:
    """The whole study: train, prune, convert, evaluate, bench, report. Stop it at any time; the same command resumes."""
    from kit.report.language import language as language_of
    from kit.workflow.reproduce import RunRequest
    from kit.workflow.stages import of_preset

    chosen, place = _chosen(preset, everything, run, folder)
    request = RunRequest(place, chosen, of_preset(chosen), parsed(patterns, chosen), data, archive, workers, replace)
    request = _elsewhere(request, cluster, keys, insecure, mixed, keep_every)
    if dry_run:
        preview.show(_first_look(request, until_decided, max_seeds) if until_decided else request, as_json)
        return
    language_of(language)  # an unknown one is an error before the work, not after
    outcome = _until_decided(request, until_decided, max_seeds) if until_decided else _bring_up_to_date(request)
    try:
        runs.write_report([place], reports / place.resolve().name, language)
    finally:
        live.end(outcome)  # what failed says more than that there is nothing to report


def train(
    patterns: opt.Patterns = None,
    preset: opt.PresetName = "paper",
    run: opt.RunFolder = None,
    data: opt.Data = opt.DATA,
    archive: opt.Archive = None,
    workers: opt.Workers = None,
    everything: opt.All = False,
    replace: opt.Replace = False,
    cluster: opt.Cluster = None,
    keys: opt.Keys = None,
    insecure: opt.Insecure = False,
    mixed: opt.Mixed = False,
    keep_every: opt.KeepEvery = opt.KEEP_EVERY_S,
    folder: opt.Runs = opt.RUNS,
) -> None:
    """Train the architectures of a preset."""
    from kit.stages import train
    from kit.workflow.reproduce import RunRequest

    chosen, place = _chosen(preset, everything, run, folder)
    request = RunRequest(place, chosen, (train.STAGE.name,), parsed(patterns, chosen), data, archive, workers, replace)
    live.end(_bring_up_to_date(_elsewhere(request, cluster, keys, insecure, mixed, keep_every)))


def compress(
    run: opt.RunArgument,
    patterns: opt.Patterns = None,
    data: opt.Data = opt.DATA,
    workers: opt.Workers = None,
    cluster: opt.Cluster = None,
    keys: opt.Keys = None,
    insecure: opt.Insecure = False,
    mixed: opt.Mixed = False,
    keep_every: opt.KeepEvery = opt.KEEP_EVERY_S,
    folder: opt.Runs = opt.RUNS,
) -> None:
    """Prune and quantize: every cell of a run as a .tflite file."""
    from kit.stages import convert

    request = _of_run(find_run(run, folder), (convert.STAGE.name,), patterns, data, workers)
    live.end(_bring_up_to_date(_elsewhere(request, cluster, keys, insecure, mixed, keep_every)))


def evaluate(
    run: opt.RunArgument,
    patterns: opt.Patterns = None,
    data: opt.Data = opt.DATA,
    workers: opt.Workers = None,
    cluster: opt.Cluster = None,
    keys: opt.Keys = None,
    insecure: opt.Insecure = False,
    mixed: opt.Mixed = False,
    keep_every: opt.KeepEvery = opt.KEEP_EVERY_S,
    folder: opt.Runs = opt.RUNS,
) -> None:
    """Run every .tflite file of a run on all images."""
    from kit.stages import evaluate

    request = _of_run(find_run(run, folder), (evaluate.STAGE.name,), patterns, data, workers)
    live.end(_bring_up_to_date(_elsewhere(request, cluster, keys, insecure, mixed, keep_every)))


def audit(
    run: opt.RunArgument,
    patterns: opt.Patterns = None,
    data: opt.Data = opt.DATA,
    workers: opt.Workers = None,
    folder: opt.Runs = opt.RUNS,
) -> None:
    """Which layers ruin int8: the error of each, and what leaving the worst in float gives back.
    Of the first seed among the named cells."""
    from kit.report.language import language
    from kit.report.tables import audit as tables
    from kit.runs.run import open_run
    from kit.stages.audit import STAGE
    from kit.workflow.graph import select

    place = find_run(run, folder)
    outcome = _bring_up_to_date(_of_run(place, (STAGE.name,), patterns, data, workers))
    whole = open_run(place)
    wanted = select(whole.preset, parsed(patterns, whole.preset))
    found = [one for one in tables.audits(whole) if one.cell in wanted]
    for table in (tables.worst(found, language("en")), tables.given_back(found, language("en"))):
        console.show(console.table(table.headers, table.texts()))
    live.end(outcome)


def _chosen(preset: str, everything: bool, run: Path | None, folder: Path) -> tuple[Preset, Path]:
    """The preset, with its extra architectures if `everything`, and the folder of its run."""
    from kit.study.preset import load

    chosen = load(preset)
    return chosen.with_extra() if everything else chosen, run or folder / chosen.name


def _of_run(place: Path, stages: tuple[str, ...], patterns: list[str] | None, data: Path, workers: int | None) -> RunRequest:
    """Some stages of the run that is in `place` already, with its own preset."""
    from kit.runs.run import open_run
    from kit.workflow.reproduce import RunRequest

    preset = open_run(place).preset
    return RunRequest(place, preset, stages, parsed(patterns, preset), data, workers=workers, is_named=False)


def _elsewhere(
    request: RunRequest, cluster: str | None, keys: Path | None, insecure: bool, mixed: bool, keep_every: float
) -> RunRequest:
    """The request for other machines, if any are named."""
    if cluster is None:
        return request
    from kit.cluster.target import Target

    target = Target(cluster, keys, insecure, mixed, keep_every)
    target.check()
    return dataclasses.replace(request, elsewhere=target.executor)


def _bring_up_to_date(request: RunRequest) -> TaskOutcomes:
    """Run the stale stages; Ctrl-C and SIGTERM stop them."""
    from kit.workflow import reproduce

    with live.stoppable():
        return reproduce.bring_up_to_date(request)


def _plan(request: RunRequest, named: list[str], most: int) -> Looks:
    """When it is looked at whether the named claims are decided."""
    from kit.analysis import until
    from kit.runs import looks
    from kit.study.datasets import name_of

    keys = until.keys_of(named, name_of(request.preset.dataset))
    return looks.planned(keys, most, max(looks.FIRST, len(request.preset.seeds)))


def _first_look(request: RunRequest, named: list[str], most: int) -> RunRequest:
    """What is certain to run: the seeds up to the first look."""
    import msgspec

    from kit.workflow.until import seeds_of

    seeds = seeds_of(request.preset, _plan(request, named, most).trainings[0])
    return dataclasses.replace(request, preset=msgspec.structs.replace(request.preset, seeds=seeds))


def _until_decided(request: RunRequest, named: list[str], most: int) -> TaskOutcomes:
    """Add seeds until the named claims are decided; then bring the first seeds up to date, with their benches."""
    from kit.analysis import until
    from kit.runs import looks
    from kit.workflow.until import until_decided

    wanted = _plan(request, named, most)
    plan, keys = looks.keep(request.folder, wanted), wanted.claims
    outcome, rest = until_decided(request, plan, lambda run, seeds: until.open_cells(run, seeds, keys), _bring_up_to_date)
    return outcome if outcome.failed else _bring_up_to_date(rest)
