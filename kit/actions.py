"""What several commands do: call the runner or the report, and print what comes back."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kit import console
from kit.errors import KitError

if TYPE_CHECKING:
    from kit.records.run import Run
    from kit.report.language import Language
    from kit.report.study import OneRun
    from kit.runner.pool import Outcome
    from kit.study.preset import Preset


class Stopped(KitError):  # noqa: N818 - it is no error
    """The user stopped the command."""


def chosen_run(preset: str, everything: bool, run: Path | None, runs: Path) -> tuple[Preset, Path]:
    """The preset, with its extra architectures if `everything`, and the folder of its run."""
    from kit.study.preset import load

    chosen = load(preset)
    return chosen.with_extra() if everything else chosen, run or runs / chosen.name


def find_run(run: Path, runs: Path) -> Path:
    """A run by its folder or by its name in `runs`."""
    named = runs / run
    return named if not (run / "preset.json").is_file() and (named / "preset.json").is_file() else run


def to_measure(run: Path | None, patterns: list[str] | None, runs: Path, data: Path) -> tuple[Path, list[str] | None]:
    """What `kit bench` is to measure: the run that is named first or, where only cells are named, or nothing, the reference
    run; and which cells of it. The models of an excerpt are unpacked into a run of their own."""
    from kit.study.architectures import ARCHITECTURES

    if run is None:
        return _unpacked(_reference(), patterns, runs, data)
    if str(run).partition("/")[0] in ARCHITECTURES and not run.exists() and not (runs / run).exists():
        return _unpacked(_reference(), [str(run), *(patterns or [])], runs, data)
    if next(find_run(run, runs).rglob("*.tflite.gz"), None):
        return _unpacked(find_run(run, runs), patterns, runs, data)
    return run, patterns


def _reference() -> Path:
    """The folder of the committed reference run."""
    places = [root / "reports" / "reference" for root in (Path.cwd(), Path(__file__).parents[1])]
    found = next((place for place in places if (place / "preset.json").is_file()), None)
    if found is None:
        raise KitError("no run is named, and the reference run is not here", "name a run, or call this in a checkout")
    return found


def _unpacked(folder: Path, patterns: list[str] | None, runs: Path, data: Path) -> tuple[Path, list[str]]:
    """A run with an excerpt's models as they are measured, and the cells to measure; with its predictions too, where there
    are images to compare them on."""
    from kit.pipeline.dataset import location
    from kit.records import excerpt
    from kit.records.run import open_run

    packed = open_run(folder)
    with_images = location(data, packed.preset.dataset).is_file()
    target = runs / f"{packed.name}-models"
    run = excerpt.unpack(packed, target, lambda name: with_images or name.endswith(".tflite"))
    return run.folder, _converted(run, patterns)


def bench(run: Path, runs: Path, patterns: list[str] | None, data: Path, interpreters: list[str]) -> None:
    """Measure a run's cells on this machine, as far as they have a .tflite file: nothing is trained for it."""
    from kit.device.bench import stage_of
    from kit.records.run import open_run
    from kit.report import hosts
    from kit.report.results import results

    stages = tuple(map(stage_of, interpreters))
    opened = open_run(find_run(run, runs))
    names = _converted(opened, patterns)
    outcome = bring_up_to_date(opened.folder, opened.preset, stages, names, data, None, 1)
    measured = hosts.here([r for r in results(opened) if r.cell.name in names])
    console.show(console.table(measured.headers, measured.rows))
    console.say(measured.note)
    end(outcome)


def _converted(run: Run, patterns: list[str] | None) -> list[str]:
    """The names of those chosen cells that have a .tflite file. Raises KitError where none has."""
    from kit.runner import hosts, plan

    return [target.name for target in hosts.targets(run, plan.select(run.preset, _parsed(patterns)))]


def stages_of(
    run: Path, runs: Path, stages: tuple[str, ...], patterns: list[str] | None, data: Path, workers: int | None
) -> None:
    """Run some stages of the run that is in `run` already, with its own preset."""
    from kit.records.run import open_run

    folder = find_run(run, runs)
    end(bring_up_to_date(folder, open_run(folder).preset, stages, patterns, data, None, workers))


def reproduce(
    folder: Path,
    preset: Preset,
    stages: tuple[str, ...],
    patterns: list[str] | None,
    data: Path,
    archive: Path | None,
    workers: int | None,
    reports: Path,
    language: str,
) -> None:
    """Run the stale stages, and write the report. An unknown language raises KitError before the work, not after."""
    from kit.report.language import language as language_of

    language_of(language)
    outcome = bring_up_to_date(folder, preset, stages, patterns, data, archive, workers)
    try:
        report([folder], reports / folder.resolve().name, language)
    finally:
        end(outcome)  # what failed says more than that there is nothing to report


def bring_up_to_date(
    folder: Path,
    preset: Preset,
    stages: tuple[str, ...],
    patterns: list[str] | None,
    data: Path,
    archive: Path | None,
    workers: int | None,
) -> Outcome:
    """Run the stale stages; Ctrl-C and SIGTERM stop them."""
    from kit.runner import reproduce

    with stoppable():
        return reproduce.bring_up_to_date(folder, preset, stages, _parsed(patterns), data, archive, workers)


def _parsed(patterns: list[str] | None) -> list[str]:
    from kit.study.cells import parse_pattern

    return [parse_pattern(pattern) for pattern in patterns or []]


@contextmanager
def stoppable() -> Iterator[None]:
    """Ctrl-C and SIGTERM (`docker stop`) end the work; what is finished stays."""

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped("stopped", "nothing finished is lost; the same command goes on from here") from None
    finally:
        signal.signal(signal.SIGTERM, previous)


def preview(
    preset: Preset,
    folder: Path,
    stages: tuple[str, ...],
    patterns: list[str] | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Say what would run, and about how long."""
    import msgspec

    from kit.runner import pool, reproduce

    rows = reproduce.preview(folder, preset, stages, _parsed(patterns))
    count = workers or pool.default_workers(preset.threads)
    total_s = sum(seconds for _, _, seconds in rows)
    if as_json:
        tasks = [{"task": task.name, "fresh": fresh, "estimate_s": round(s)} for task, fresh, s in rows]
        console.print_json(msgspec.json.encode({"tasks": tasks, "workers": count, "estimate_s": round(total_s / count)}))
        return
    for task, fresh, seconds in rows:
        console.say(f"{task.name}: {'done already' if fresh else 'about ' + console.duration(seconds)}")
    stale = sum(not fresh for _, fresh, _ in rows)
    console.say(
        f"{stale} of {len(rows)} tasks, about {console.duration(total_s / count)} with {count} workers, into {folder}"
    )


def report(folders: list[Path], target: Path, language: str) -> None:
    """Write the report of one or more runs into `target`; show a summary of each."""
    from kit.records import store
    from kit.records.run import open_run
    from kit.report import export, render
    from kit.report.language import language as language_of
    from kit.report.study import join

    spoken = language_of(language)
    runs = [open_run(folder) for folder in folders]
    render.check(runs)
    study = join(runs)
    files = render.pages(runs, study, target, spoken) | export.files(runs, study, target)
    for path, content in files.items():
        store.write(path, content)
    for path in set((target / "figures").glob("*.svg")) - set(files):
        path.unlink()  # of an earlier report, and no longer in it
    for run, concluded in zip(runs, study.runs, strict=True):
        _summarize(run, concluded, spoken)
    for path in files:
        console.say(f"written: {path}")


def _summarize(run: Run, concluded: OneRun, language: Language) -> None:
    """Show a run's cells and verdicts."""
    from kit.report import answers, tables
    from kit.report.results import results

    cells = tables.summary(results(run), language)
    console.show(console.table(cells.headers, cells.texts()))
    console.say(cells.note)
    verdicts = answers.summary(concluded.verdicts, language)
    console.show(console.table(verdicts.headers, verdicts.texts()))


def status(folder: Path, as_json: bool) -> None:
    """Show what a run is doing now."""
    from kit.records import store
    from kit.records.run import open_run
    from kit.runner import board

    seen = board.status(open_run(folder))
    if as_json:
        console.print_json(board.to_json(seen))
        return
    console.say(f"{folder}: {'working' if store.is_held(folder) else 'not working'}")
    console.show(board.matrix(seen))


def verify(folder: Path, as_json: bool) -> None:
    """Say what does not hold in a run; raises KitError where something does not."""
    import msgspec

    from kit.pipeline.verify import problems
    from kit.records import excerpt
    from kit.records.run import open_run

    run = open_run(folder)
    wrong, count = list(problems(run)), len(run.record_paths())
    if as_json:
        console.print_json(msgspec.json.encode({"records": count, "problems": wrong}))
    for line in [] if as_json else wrong:
        console.say(line)
    absent = len(excerpt.left_out(run))
    if wrong:
        mend = "get it again from where it came from" if absent else "run `kit reproduce` with its preset to mend it"
        raise KitError(f"{folder}: {len(wrong)} things do not hold", mend)
    if not as_json:
        console.say(f"{folder}: all {count} records hold")
        if absent:
            console.say(f"{absent} files that they name are not part of this excerpt, and were not looked at")


def publish(folder: Path, target: Path) -> None:
    """Write an excerpt of a run into `target`."""
    from kit.records import excerpt
    from kit.records.run import open_run

    run = open_run(folder)
    written = excerpt.make(run, target, _published(run.preset))
    size_mb = sum(path.stat().st_size for path in written) / 1e6
    console.say(f"written: {len(written)} files, {size_mb:,.1f} MB, to {target}")


def _published(preset: Preset) -> Callable[[str], bool]:
    """Whether an output belongs into an excerpt: all predictions, and the int8 models of the lowest and highest sparsity."""
    outer = {min(preset.sparsities), max(preset.sparsities)}
    cells = [cell for cell in preset.cells() if cell.precision == "int8" and cell.sparsity in outer]
    models = {f"{cell.name}/model.tflite" for cell in cells}
    return lambda name: name.endswith("/predictions.safetensors") or name in models


def end(outcome: Outcome) -> None:
    """Say how it ended; failed tasks are listed, and make the exit code 1."""
    for task, reason in outcome.failed.items():
        console.say(f"failed: {task.name}: {reason}")
    for task in outcome.blocked:
        console.say(f"not done, because what it needs failed: {task.name}")
    console.say(f"{len(outcome.done)} tasks done, {len(outcome.fresh)} were up to date, {len(outcome.failed)} failed")
    if outcome.failed:
        raise KitError(f"{len(outcome.failed)} tasks failed", "mend the causes above; the same command does only those")
