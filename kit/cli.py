"""The command line: parse, call one function, print what came back. Errors leave by one door, in `main`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kit import __version__, console
from kit.errors import KitError

if TYPE_CHECKING:
    from kit.runner.pool import Outcome
    from kit.study.preset import Preset

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Reproduce a study of quantization and pruning of mobile CNNs: train, compress, measure, report.",
    epilog="Start with: kit reproduce --preset smoke",
)


class Stopped(KitError):  # noqa: N818 - it is no error
    """The user stopped the command."""


def _architectures() -> list[str]:
    from kit.study.architectures import ARCHITECTURES

    return list(ARCHITECTURES)


def _presets() -> list[str]:
    from kit.study.preset import BUILT_IN

    return list(BUILT_IN)


PresetName = Annotated[
    str,
    typer.Option("--preset", "-p", help="smoke, short, paper, or the path of a TOML file.", autocompletion=_presets),
]
RunFolder = Annotated[Path | None, typer.Option("--run", "-r", help="The run's folder; runs/PRESET if left out.")]
RunArgument = Annotated[Path, typer.Argument(help="A run's folder, or its name in runs/.", show_default=False)]
Patterns = Annotated[
    list[str] | None,
    typer.Argument(
        help="Architectures or cells, such as mobilenet_v2 or mobilenet_v2/s60/int8; all if left out.",
        autocompletion=_architectures,
    ),
]
Data = Annotated[Path, typer.Option("--data", envvar="KIT_DATA", help="Where data sets are kept.")]
Archive = Annotated[
    Path | None, typer.Option("--archive", help="A local CIFAR-10 archive (.tar.gz or .tar.xz) instead of a download.")
]
Workers = Annotated[int | None, typer.Option("--workers", "-j", min=1, help="Processes side by side; one a core.")]
All = Annotated[bool, typer.Option("--all", help="Take the preset's extra architectures too.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Runs = Annotated[Path, typer.Option("--runs", envvar="KIT_RUNS", help="Where runs are kept.")]
Reports = Annotated[Path, typer.Option("--reports", envvar="KIT_REPORTS", help="Where reports are written.")]

_DATA, _RUNS, _REPORTS = Path("data"), Path("runs"), Path("reports")


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the trace of an error.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        console.say(__version__)
        raise typer.Exit


@app.command(epilog="Example: kit reproduce --preset short --archive cifar-10-python.tar.gz")
def reproduce(
    patterns: Patterns = None,
    preset: PresetName = "paper",
    run: RunFolder = None,
    data: Data = _DATA,
    archive: Archive = None,
    workers: Workers = None,
    everything: All = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run, and about how long.")] = False,
    as_json: Json = False,
    runs: Runs = _RUNS,
    reports: Reports = _REPORTS,
) -> None:
    """The whole study: train, prune, convert, evaluate, bench, report. Stop it at any time; the same command goes on."""
    stages = ("train", "prune", "convert", "evaluate", "bench")
    chosen, folder = _chosen(preset, everything, run, runs)
    if dry_run:
        _preview(chosen, folder, stages, patterns, workers, as_json)
        return
    outcome = _bring_up_to_date(folder, chosen, stages, patterns, data, archive, workers)
    _report(folder, reports / folder.resolve().name)
    _end(outcome)


@app.command(epilog="Example: kit train mobilenet_v2 --preset short")
def train(
    patterns: Patterns = None,
    preset: PresetName = "paper",
    run: RunFolder = None,
    data: Data = _DATA,
    archive: Archive = None,
    workers: Workers = None,
    everything: All = False,
    runs: Runs = _RUNS,
) -> None:
    """Train the architectures of a preset."""
    chosen, folder = _chosen(preset, everything, run, runs)
    _end(_bring_up_to_date(folder, chosen, ("train",), patterns, data, archive, workers))


@app.command(epilog="Example: kit compress runs/short mobilenet_v2/s60")
def compress(
    run: RunArgument,
    patterns: Patterns = None,
    data: Data = _DATA,
    workers: Workers = None,
    runs: Runs = _RUNS,
) -> None:
    """Prune and quantize: every cell of a run as a .tflite file."""
    _stages_of(run, runs, ("prune", "convert"), patterns, data, workers)


@app.command(epilog="Example: kit evaluate runs/short mobilenet_v2/s60/int8")
def evaluate(
    run: RunArgument,
    patterns: Patterns = None,
    data: Data = _DATA,
    workers: Workers = None,
    runs: Runs = _RUNS,
) -> None:
    """Run every .tflite file of a run on all images."""
    _stages_of(run, runs, ("evaluate",), patterns, data, workers)


@app.command(epilog="Example: kit bench runs/short mobilenet_v2")
def bench(
    run: RunArgument,
    patterns: Patterns = None,
    data: Data = _DATA,
    runs: Runs = _RUNS,
) -> None:
    """Measure latency and peak memory of a run's cells on this machine."""
    _stages_of(run, runs, ("bench",), patterns, data, 1)


@app.command(epilog="Example: kit report runs/short")
def report(run: RunArgument, runs: Runs = _RUNS, reports: Reports = _REPORTS) -> None:
    """Write report.md and report.html from a run's records."""
    folder = _find(run, runs)
    _report(folder, reports / folder.resolve().name)


@app.command(epilog="Example: kit status runs/short")
def status(run: RunArgument, runs: Runs = _RUNS, as_json: Json = False) -> None:
    """What a run is doing now, from any terminal."""
    from kit.records import store
    from kit.records.run import open_run
    from kit.runner import board

    folder = _find(run, runs)
    opened = open_run(folder)
    seen = board.status(opened)
    if as_json:
        console.print_json(board.to_json(seen))
        return
    console.say(f"{folder}: {'working' if store.is_held(folder) else 'not working'}")
    console.show(board.matrix(seen))


@app.command(epilog="Example: kit verify runs/short")
def verify(run: RunArgument, runs: Runs = _RUNS, as_json: Json = False) -> None:
    """Recompute a run's hashes and figures from what it has stored."""
    import msgspec

    from kit.pipeline.verify import problems
    from kit.records.run import open_run

    folder = _find(run, runs)
    opened = open_run(folder)
    wrong = list(problems(opened))
    if as_json:
        console.print_json(msgspec.json.encode({"records": len(opened.records()), "problems": wrong}))
    for line in [] if as_json else wrong:
        console.say(line)
    if wrong:
        raise KitError(f"{folder}: {len(wrong)} things do not hold", "run `kit reproduce` with its preset to mend it")
    if not as_json:
        console.say(f"{folder}: all {len(opened.records())} records hold")


@app.command(epilog="Example: kit data cifar10 --archive cifar-10-python.tar.gz")
def data(
    name: Annotated[str, typer.Argument(help="cifar10 or digits.")] = "cifar10",
    folder: Data = _DATA,
    archive: Archive = None,
) -> None:
    """Get a data set, check it by content, and keep it prepared."""
    from kit.pipeline import dataset
    from kit.study.datasets import dataset as known

    path = dataset.prepare(folder, known(name).name, archive)
    loaded = dataset.load(folder, name)
    console.say(f"{path}: {len(loaded.train):,} training and {len(loaded.test):,} test images of {known(name).label}")


@app.command(epilog="Example: kit build pi --no-registry")
def build(
    what: Annotated[str, typer.Argument(help="train, pi or all.")] = "all",
    platform: Annotated[
        list[str] | None,
        typer.Option("--platform", help="linux/amd64 or linux/arm64; of train this machine's, of pi linux/arm64."),
    ] = None,
    no_registry: Annotated[bool, typer.Option("--no-registry", help="Make the base from Debian's packages.")] = False,
    ca: Annotated[
        Path | None,
        typer.Option(
            "--ca",
            envvar=["KIT_CA", "PIP_CERT", "SSL_CERT_FILE"],
            help="The CA of a network that re-signs TLS; it stays in no layer.",
        ),
    ] = None,
    base: Annotated[str, typer.Option("--base", help="Another base image, such as one by its digest.")] = "",
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Build every step anew, the base included.")] = False,
    tflite_only: Annotated[bool, typer.Option("--tflite-only", help="The Pi image without ai-edge-litert.")] = False,
    as_json: Json = False,
    runs: Runs = _RUNS,
) -> None:
    """Build the images, and leave a record of each in runs/images. Compose uses them from then on."""
    import msgspec

    from kit.device import images

    order = images.Order(images.checkout(), runs / "images", not no_registry, ca, base, not no_cache, tflite_only)
    with _stoppable():
        built = images.build_all(what, platform or (), order, (lambda line: None) if as_json else console.say)
    if as_json:
        console.print_json(msgspec.json.encode(built))
        return
    rows = [(i.tag, i.architecture, i.id, f"{i.size_bytes / 1e6:,.1f}", console.duration(i.duration_s)) for i in built]
    console.show(console.table(("image", "platform", "ID", "MB", "took"), rows))


@app.command(epilog="Example: kit doctor --json")
def doctor(data: Data = _DATA, runs: Runs = _RUNS, as_json: Json = False) -> None:
    """Check this machine first: what is there, what is missing, and how to mend it."""
    import msgspec

    from kit.doctor import checks

    found = list(checks(data, runs))
    if as_json:
        console.print_json(msgspec.json.encode(found))
    else:
        rows = [(check.what, check.found, "" if check.ok else check.remedy) for check in found]
        console.show(console.table(("check", "found", "mend it with"), rows))
    if any(check.needed and not check.ok for check in found):
        raise typer.Exit(1)


def _chosen(preset: str, everything: bool, run: Path | None, runs: Path) -> tuple[Preset, Path]:
    from kit.study.preset import load

    chosen = load(preset)
    return chosen.with_extra() if everything else chosen, run or runs / chosen.name


def _find(run: Path, runs: Path) -> Path:
    """A run by its folder or by its name in `runs`."""
    named = runs / run
    return named if not (run / "preset.json").is_file() and (named / "preset.json").is_file() else run


def _stages_of(
    run: Path, runs: Path, stages: tuple[str, ...], patterns: list[str] | None, data: Path, workers: int | None
) -> None:
    from kit.records.run import open_run

    folder = _find(run, runs)
    _end(_bring_up_to_date(folder, open_run(folder).preset, stages, patterns, data, None, workers))


def _bring_up_to_date(
    folder: Path,
    preset: Preset,
    stages: tuple[str, ...],
    patterns: list[str] | None,
    data: Path,
    archive: Path | None,
    workers: int | None,
) -> Outcome:
    from kit.runner.reproduce import bring_up_to_date

    with _stoppable():
        return bring_up_to_date(folder, preset, stages, _parsed(patterns), data, archive, workers)


def _parsed(patterns: list[str] | None) -> list[str]:
    from kit.study.cells import parse_pattern

    return [parse_pattern(pattern) for pattern in patterns or []]


@contextmanager
def _stoppable() -> Iterator[None]:
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


def _preview(
    preset: Preset,
    folder: Path,
    stages: tuple[str, ...],
    patterns: list[str] | None,
    workers: int | None,
    as_json: bool,
) -> None:
    import msgspec

    from kit.runner import pool
    from kit.runner.reproduce import preview

    rows = preview(folder, preset, stages, _parsed(patterns))
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


def _report(folder: Path, target: Path) -> None:
    from kit.records.run import open_run
    from kit.report import render, tables
    from kit.report.results import results

    run = open_run(folder)
    written = render.write(run, target)
    cells = tables.summary(results(run))
    console.show(console.table(cells.headers, cells.rows))
    console.say(cells.note)
    for path in written:
        console.say(f"written: {path}")


def _end(outcome: Outcome) -> None:
    """Say how it ended; failed tasks are listed, and make the exit code 1."""
    for task, reason in outcome.failed.items():
        console.say(f"failed: {task.name}: {reason}")
    for task in outcome.blocked:
        console.say(f"not done, because what it needs failed: {task.name}")
    console.say(f"{len(outcome.done)} tasks done, {len(outcome.fresh)} were up to date, {len(outcome.failed)} failed")
    if outcome.failed:
        raise KitError(f"{len(outcome.failed)} tasks failed", "mend the causes above; the same command does only those")


def main(run: Callable[[], object] = app) -> None:
    """The one door out: a KitError becomes one line on stderr and exit code 1 (130 where the user stopped it)."""
    try:
        run()
    except KitError as error:
        if "--debug" in sys.argv:
            raise
        console.complain(str(error))
        sys.exit(130 if isinstance(error, Stopped) else 1)


if __name__ == "__main__":
    main()
