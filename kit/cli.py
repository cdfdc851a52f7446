"""The command line: parse, call one function, print what came back. Errors leave by one door, in `main`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from kit import __version__, actions, console, dev, hosts
from kit import options as opt
from kit.errors import KitError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # boxes around the help would cost 0.15 s of each `kit --help`
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Reproduce a study of quantization and pruning of mobile CNNs: train, compress, measure, report.",
    epilog="Start with: kit reproduce --preset smoke",
)

app.add_typer(dev.app, name="dev")


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
    patterns: opt.Patterns = None,
    preset: opt.PresetName = "paper",
    run: opt.RunFolder = None,
    data: opt.Data = opt.DATA,
    archive: opt.Archive = None,
    workers: opt.Workers = None,
    everything: opt.All = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run, and about how long.")] = False,
    language: opt.LanguageName = "en",
    as_json: opt.Json = False,
    runs: opt.Runs = opt.RUNS,
    reports: opt.Reports = opt.REPORTS,
) -> None:
    """The whole study: train, prune, convert, evaluate, bench, report. Stop it at any time; the same command goes on."""
    stages = ("train", "prune", "convert", "evaluate", "bench")
    chosen, folder = actions.chosen_run(preset, everything, run, runs)
    if dry_run:
        actions.preview(chosen, folder, stages, patterns, workers, as_json)
        return
    actions.reproduce(folder, chosen, stages, patterns, data, archive, workers, reports, language)


@app.command(epilog="Example: kit train mobilenet_v2 --preset short")
def train(
    patterns: opt.Patterns = None,
    preset: opt.PresetName = "paper",
    run: opt.RunFolder = None,
    data: opt.Data = opt.DATA,
    archive: opt.Archive = None,
    workers: opt.Workers = None,
    everything: opt.All = False,
    runs: opt.Runs = opt.RUNS,
) -> None:
    """Train the architectures of a preset."""
    chosen, folder = actions.chosen_run(preset, everything, run, runs)
    actions.end(actions.bring_up_to_date(folder, chosen, ("train",), patterns, data, archive, workers))


@app.command(epilog="Example: kit compress runs/short mobilenet_v2/s60")
def compress(
    run: opt.RunArgument,
    patterns: opt.Patterns = None,
    data: opt.Data = opt.DATA,
    workers: opt.Workers = None,
    runs: opt.Runs = opt.RUNS,
) -> None:
    """Prune and quantize: every cell of a run as a .tflite file."""
    actions.stages_of(run, runs, ("prune", "convert"), patterns, data, workers)


@app.command(epilog="Example: kit evaluate runs/short mobilenet_v2/s60/int8")
def evaluate(
    run: opt.RunArgument,
    patterns: opt.Patterns = None,
    data: opt.Data = opt.DATA,
    workers: opt.Workers = None,
    runs: opt.Runs = opt.RUNS,
) -> None:
    """Run every .tflite file of a run on all images."""
    actions.stages_of(run, runs, ("evaluate",), patterns, data, workers)


@app.command(epilog="Example: kit bench runs/short mobilenet_v2 --host pi.local")
def bench(
    run: Annotated[
        Path | None, typer.Argument(help="A run, with --host also a .tflite file. None, or a cell: the reference models.")
    ] = None,
    patterns: opt.Patterns = None,
    host: opt.Hosts = None,
    user: opt.User = "",
    port: opt.Port = None,
    identity: opt.Identity = None,
    ssh_config: opt.SshConfig = None,
    protocol: opt.ProtocolName = "rigorous",
    interpreter: opt.Interpreters = None,
    threads: Annotated[list[int] | None, typer.Option("--threads", min=1, max=4, help="On a host: 1 to 4.")] = None,
    parity: Annotated[int, typer.Option("--parity", min=0, help="How many test images to predict on the host.")] = 200,
    image: opt.ImageTag = opt.IMAGE,
    cooling: Annotated[float, typer.Option("--cooling", min=0, help="Seconds to wait at most for a hot host.")] = 120.0,
    data: opt.Data = opt.DATA,
    runs: opt.Runs = opt.RUNS,
    as_json: opt.Json = False,
) -> None:
    """Measure latency and peak memory of a run's cells on this machine, or on hosts."""
    run, patterns = actions.to_measure(run, patterns, runs, data)
    if not host:
        for option, given in {"--threads": threads, "--json": as_json, "--protocol": protocol != "rigorous"}.items():
            if given:
                raise KitError(f"{option} is for a bench on a host", "add --host pi.local")
        actions.bench(run, runs, patterns, data, interpreter or ["litert"])
        return
    where, chosen = hosts.Where(host, user, port, identity, ssh_config), (interpreter or ["tflite"], threads or [1])
    hosts.bench(run, patterns, where, protocol, *chosen, parity, image, cooling, data, runs, as_json)


@app.command(epilog="Example: kit ship runs/short --host pi.local")
def ship(
    run: Annotated[Path | None, typer.Argument(help="A run or a .tflite file; the image alone if left out.")] = None,
    patterns: opt.Patterns = None,
    host: opt.Hosts = None,
    user: opt.User = "",
    port: opt.Port = None,
    identity: opt.Identity = None,
    ssh_config: opt.SshConfig = None,
    image: opt.ImageTag = opt.IMAGE,
    remove: Annotated[bool, typer.Option("--remove", help="Leave nothing of the kit on the host.")] = False,
    runs: opt.Runs = opt.RUNS,
) -> None:
    """Send the Pi image and a run's .tflite files to hosts, as far as they are missing there."""
    if not host:
        raise KitError("no host is named", "kit ship --host pi.local")
    hosts.ship(run, patterns, hosts.Where(host, user, port, identity, ssh_config), image, remove, runs)


@app.command(epilog="Example: kit report runs/short --language de")
def report(
    run: opt.RunArguments,
    language: opt.LanguageName = "en",
    runs: opt.Runs = opt.RUNS,
    reports: opt.Reports = opt.REPORTS,
) -> None:
    """Write report.md and report.html from the records of a run, or of several, side by side."""
    folders = [actions.find_run(one, runs) for one in run]
    name = "+".join(folder.resolve().name for folder in folders)
    actions.report(folders, reports / name, language)


@app.command(epilog="Example: kit status runs/short")
def status(run: opt.RunArgument, runs: opt.Runs = opt.RUNS, as_json: opt.Json = False) -> None:
    """What a run is doing now, from any terminal."""
    actions.status(actions.find_run(run, runs), as_json)


@app.command(epilog="Example: kit verify runs/short")
def verify(run: opt.RunArgument, runs: opt.Runs = opt.RUNS, as_json: opt.Json = False) -> None:
    """Recompute a run's hashes and figures from what it has stored."""
    actions.verify(actions.find_run(run, runs), as_json)


@app.command(epilog="Example: kit publish runs/short reports/reference")
def publish(
    run: opt.RunArgument,
    folder: Annotated[Path, typer.Argument(help="Where the excerpt goes.", show_default=False)],
    runs: opt.Runs = opt.RUNS,
) -> None:
    """An excerpt of a run, small enough for a repository: records, predictions, and int8 models of the outer sparsities."""
    actions.publish(actions.find_run(run, runs), folder)


@app.command(epilog="Example: kit data cifar10 --archive cifar-10-python.tar.gz")
def data(
    name: Annotated[str, typer.Argument(help="cifar10 or digits.")] = "cifar10",
    folder: opt.Data = opt.DATA,
    archive: opt.Archive = None,
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
    platform: opt.Platforms = None,
    no_registry: Annotated[bool, typer.Option("--no-registry", help="Make the base from Debian's packages.")] = False,
    ca: opt.Ca = None,
    base: Annotated[str, typer.Option("--base", help="Another base image, such as one by its digest.")] = "",
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Build every step anew, the base included.")] = False,
    tflite_only: Annotated[bool, typer.Option("--tflite-only", help="The Pi image without ai-edge-litert.")] = False,
    as_json: opt.Json = False,
    runs: opt.Runs = opt.RUNS,
) -> None:
    """Build the images, and leave a record of each in runs/images. Compose uses them from then on."""
    import msgspec

    from kit.device import images

    order = images.Order(images.checkout(), runs / "images", not no_registry, ca, base, not no_cache, tflite_only)
    with actions.stoppable():
        built = images.build_all(what, platform or (), order, (lambda line: None) if as_json else console.say)
    if as_json:
        console.print_json(msgspec.json.encode(built))
        return
    rows = [(i.tag, i.architecture, i.id, f"{i.size_bytes / 1e6:,.1f}", console.duration(i.duration_s)) for i in built]
    console.show(console.table(("image", "platform", "ID", "MB", "took"), rows))


@app.command(epilog="Example: kit doctor --json")
def doctor(
    host: opt.Hosts = None,
    user: opt.User = "",
    port: opt.Port = None,
    identity: opt.Identity = None,
    ssh_config: opt.SshConfig = None,
    data: opt.Data = opt.DATA,
    runs: opt.Runs = opt.RUNS,
    as_json: opt.Json = False,
) -> None:
    """Check this machine, or a host: what is there, what is missing, and how to mend it."""
    import msgspec

    from kit.doctor import checks

    where = hosts.Where(host or [], user, port, identity, ssh_config)
    found = list(hosts.checks(where) if host else checks(data, runs))
    if as_json:
        console.print_json(msgspec.json.encode(found))
    else:
        rows = [(check.what, check.found, "" if check.ok else check.remedy) for check in found]
        console.show(console.table(("check", "found", "mend it with"), rows))
    if any(check.needed and not check.ok for check in found):
        raise typer.Exit(1)


def main(run: Callable[[], object] = app) -> None:
    """The one door out: a KitError becomes one line on stderr and exit code 1 (130 where the user stopped it)."""
    try:
        run()
    except KitError as error:
        if "--debug" in sys.argv:
            raise
        console.complain(str(error))
        sys.exit(130 if isinstance(error, actions.Stopped) else 1)
    except ModuleNotFoundError as error:
        if "--debug" in sys.argv:
            raise
        console.complain(f"{error.name} is not installed: pip install 'mobile-cnn-kit[train,bench,report,docker]'")
        sys.exit(1)


if __name__ == "__main__":
    main()
