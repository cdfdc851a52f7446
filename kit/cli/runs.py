"""What can be done with a run that is there: `report`, `status`, `verify`, `publish`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kit import console
from kit.cli import options as opt
from kit.cli.targets import find_run
from kit.errors import KitError

if TYPE_CHECKING:
    from kit.analysis.results import Result
    from kit.analysis.summary import OneRun
    from kit.analysis.verdicts import Verdict
    from kit.report.language import Language
    from kit.runs.again import Comparison
    from kit.runs.run import Run
    from kit.study.preset import Preset


def report(
    run: opt.RunArguments,
    language: opt.LanguageName = "en",
    runs: opt.Runs = opt.RUNS,
    reports: opt.Reports = opt.REPORTS,
    images: Annotated[
        bool,
        typer.Option("--images", help="Show the test images whose class int8 changes most; needs the prepared data set."),
    ] = False,
    data: opt.Data = opt.DATA,
) -> None:
    """Write report.md and report.html from the records of a run, or of several, side by side."""
    from kit.runs.run import damaged, open_run

    folders = [find_run(one, runs) for one in run]
    target = reports / "+".join(folder.resolve().name for folder in folders)
    write_report(folders, target, language, data if images else None)
    if wrong := [line for folder in folders for line in damaged(open_run(folder))]:
        raise KitError(f"left out of the report: {'; '.join(wrong)}", "move it away, and its stage will run again")


def write_report(folders: list[Path], target: Path, language: str, data: Path | None = None) -> None:
    """Write the report of one or more runs into `target`; show a summary of each. `data` has the data sets whose images are
    shown."""
    from kit import store
    from kit.analysis.studied import is_studied
    from kit.analysis.summary import join
    from kit.datasets.prepare import load
    from kit.report import render
    from kit.report.export import exports
    from kit.report.export.crate import METADATA
    from kit.report.language import language as language_of
    from kit.runs.run import open_run

    spoken = language_of(language)
    whole = [open_run(folder) for folder in folders]
    runs = [part for run in whole for part in run.by_seed()]
    study = join(runs)
    render.check(whole, study)
    images = {name: load(data, name).test.images for name in {run.preset.dataset for run in whole}} if data else None
    files = render.pages(whole, study, target, spoken, images) | exports.files(whole, study, target)
    readonly = [run.folder / METADATA for run in whole if not os.access(run.folder, os.W_OK)]
    for path, content in files.items():
        if path not in readonly:
            store.write(path, content)
    for path in render.stale(target, files):
        path.unlink()
    for found, concluded in zip(study.results, study.runs, strict=True):
        _summarize(found, concluded, spoken)
    studied = {run.name for run in study.runs if is_studied(run.preset)}
    for group in study.trainings:
        if len(group.runs) > 1 and studied.issuperset(group.runs):
            _show_verdicts(group.verdicts, spoken)
    for path in files:
        console.say(f"not written, its folder is read-only: {path}" if path in readonly else f"written: {path}")
    if not any(path.suffix == ".svg" for path in files):
        raise KitError(f"{target} has no figures", "report.md says why, and what to do")


def _summarize(found: Sequence[Result], concluded: OneRun, language: Language) -> None:
    """Show a run's cells and, if the study says anything of it, verdicts."""
    from kit.analysis.studied import is_studied
    from kit.report.tables import cells

    shown = cells.summary(list(found), language)
    console.show(console.table(shown.headers, shown.texts()))
    console.say(shown.note)
    if stale := {name: why for result in found for name, why in result.stale.items()}:
        console.say(language.tr("Stale, and left out: {names}.", names=list(stale)))
    if is_studied(concluded.preset):
        _show_verdicts(concluded.verdicts, language)


def _show_verdicts(found: Sequence[Verdict], language: Language) -> None:
    from kit.report.tables import verdicts

    answered = verdicts.summary(found, language)
    console.show(console.table(answered.headers, answered.texts()))


def status(run: opt.RunArgument, runs: opt.Runs = opt.RUNS, as_json: opt.Json = False) -> None:
    """What a run is doing now, from any terminal."""
    from kit import store
    from kit.runs.run import open_run
    from kit.workflow import progress

    folder = find_run(run, runs)
    seen = progress.status(open_run(folder))
    if as_json:
        console.print_json(progress.to_json(seen))
        return
    console.say(f"{folder}: {'working' if store.is_held(folder) else 'not working'}")
    console.show(progress.matrix(seen))
    for line in progress.reasons(seen):
        console.say(line)
    if damaged := progress.damaged(seen):
        raise KitError(f"{folder}: {damaged}", "move it away, and its stage will run again")


def verify(
    run: opt.RunArgument,
    against: Annotated[
        Path | None,
        typer.Option(help="Another run or bundle: which files of both are byte-identical?", show_default=False),
    ] = None,
    runs: opt.Runs = opt.RUNS,
    as_json: opt.Json = False,
) -> None:
    """Recompute a run's hashes, counts and sizes from the stored files."""
    import msgspec

    from kit.runs import bundle
    from kit.runs.again import compare
    from kit.runs.run import open_run
    from kit.workflow.verify import problems

    found = open_run(find_run(run, runs))
    other = open_run(find_run(against, runs)) if against else None
    wrong, count = list(problems(found)), len(found.record_paths())
    compared = compare(found, other) if other and not wrong else None
    if as_json:
        beside = {"against": compared} if compared else {}
        console.print_json(msgspec.json.encode({"records": count, "problems": wrong, **beside}))
    for line in [] if as_json else wrong:
        console.say(line)
    absent, parts = len(bundle.left_out(found)), len(bundle.parts(found))
    if wrong:
        remedy = "get it again from where it came from" if absent else f"`{found.command}` makes it again"
        raise KitError(f"{found.folder}: {console.counted(len(wrong), 'thing does not hold', 'things do not hold')}", remedy)
    if not as_json:
        console.say(f"{found.folder}: {'its record holds' if count == 1 else f'all {count} records hold'}")
        if absent:
            files = console.counted(absent - parts, "file that they name is", "files that they name are")
            also = "; nor are predictions of training images" if parts else ""
            console.say(f"{files} not part of this bundle, so not checked{also}")
    if other and compared:
        _say_compared(compared, found, other, as_json)


def _say_compared(compared: Comparison, run: Run, other: Run, as_json: bool) -> None:
    """Raises KitError if a file of both differs."""
    if not as_json:
        console.say(f"byte-identical to {other.folder}: {', '.join(compared.counts())}")
        for name, reasons in compared.different.items():
            console.say(f"{name} differs: {'; '.join(reasons) or 'the records say nothing that could decide it'}")
        if compared.follow:
            console.say(
                f"{console.counted(len(compared.follow), 'other file differs', 'other files differ')} because of those"
            )
        if compared.alone:
            console.say(f"{console.counted(len(compared.alone), 'file is', 'files are')} in only one of the two")
    if compared.unlike:
        raise KitError(
            f"{run.folder}: {console.counted(len(compared.unlike), 'file differs', 'files differ')} from {other.folder}",
            "docs/training.md says what decides their bytes",
        )


def publish(
    run: opt.RunArgument,
    folder: Annotated[Path, typer.Argument(help="Where the bundle goes.", show_default=False)],
    models: Annotated[bool, typer.Option(help="Without them, the bundle can be verified and reported only.")] = True,
    runs: opt.Runs = opt.RUNS,
) -> None:
    """A bundle of a run, small enough for a repository: records, predictions, int8 models of the lowest and highest
    sparsity."""
    from kit.runs import bundle
    from kit.runs.run import open_run
    from kit.workflow.verify import not_belonging

    found = open_run(find_run(run, runs))
    if stale := list(not_belonging(found)):
        raise KitError(
            f"{found.folder} has stale records ({len(stale)}), such as {stale[0]}",
            f"`{found.command}` makes them again; `kit status` marks them",
        )
    written = bundle.make(found, folder, _published(found.preset, models))
    size_mb = sum(path.stat().st_size for path in written) / 1e6
    console.say(f"written: {console.counted(len(written), 'file', 'files')}, {size_mb:,.1f} MB, to {folder}")


def _published(preset: Preset, models: bool) -> Callable[[str], bool]:
    """Whether an output belongs into a bundle: predictions, and of `models` the int8 ones of the outer sparsities."""
    from kit.runs.artifacts import MODEL, PREDICTIONS
    from kit.study.grid import named

    outer = {min(preset.sparsities), max(preset.sparsities)}

    def wanted(name: str) -> bool:
        place, _, file = name.rpartition("/")
        cell = named(place) if models and file == MODEL else None
        return file == PREDICTIONS or (cell is not None and cell.precision == "int8" and cell.sparsity in outer)

    return wanted
