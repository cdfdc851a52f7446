"""`kit bench` and `kit ship`: measure on this machine or on hosts, and show the results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kit import console
from kit.cli import live
from kit.cli import options as opt
from kit.cli.targets import How, What, Where
from kit.errors import KitError

if TYPE_CHECKING:
    from kit.bench.campaign import DeviceOutcome, TargetResult
    from kit.bench.request import BenchRequest
    from kit.bench.ship import Shipped
    from kit.bench.ssh import Connection
    from kit.bench.transport import Transport


def bench(
    context: typer.Context,
    run: Annotated[Path | None, typer.Argument(help="A run or a .tflite file; without one, the reference models.")] = None,
    patterns: opt.Patterns = None,
    host: opt.Hosts = None,
    user: opt.User = "",
    port: opt.Port = None,
    identity: opt.Identity = None,
    ssh_config: opt.SshConfig = None,
    protocol: opt.ProtocolName = "",
    interpreter: opt.Interpreters = None,
    delegate: opt.Delegates = None,
    threads: Annotated[
        list[int] | None,
        typer.Option("--threads", min=1, max=4, help="Threads of the interpreter, 1 to 4; repeat for several."),
    ] = None,
    parity: Annotated[
        int | None,
        typer.Option(
            "--parity",
            min=0,
            help="Number of test images to compare predictions on; default: 200 on a host, 0 on this machine.",
        ),
    ] = None,
    image: opt.ImageTag = opt.IMAGE,
    cooling: Annotated[
        float, typer.Option("--cooling", min=0, help="Maximum wait for a hot device to cool, in seconds.")
    ] = 120.0,
    clock: Annotated[
        int,
        typer.Option(
            "--clock",
            min=0,
            max=10_000,
            help="Pin a host's clock to so many MHz meanwhile, such as 1500; default: as it is.",
        ),
    ] = 0,
    shape: Annotated[
        list[str] | None,
        typer.Option(
            "--shape",
            help="Size of an input that a .tflite file leaves open: 1,224,224,3; of one of several: NAME=1,224,224,3.",
        ),
    ] = None,
    data: opt.Data = opt.DATA,
    runs: opt.Runs = opt.RUNS,
    as_json: opt.Json = False,
) -> None:
    """Measure latency and peak memory of a run's cells, or of any .tflite file, on this machine or on hosts."""
    where = Where(host or [], user, port, identity, ssh_config)
    how = How(protocol, interpreter or [], delegate or [], threads or [1], parity, cooling, clock, tuple(shape or []))
    transports = where.transports(image)
    if not host:
        _refuse_host_options(context)
    request = how.of(What(run, patterns, runs, data), is_local=not host)
    _show(request, _measured(request.comparable(), transports, as_json), as_json)


def _refuse_host_options(context: typer.Context) -> None:
    """Options that would do nothing on this machine; one that is a device may have to cool."""
    from kit.bench.transport import LOCAL, Local

    useless = ["user", "port", "identity", "ssh_config", "image", *([] if Local().described()[0] != LOCAL else ["cooling"])]
    for name in useless:
        source = context.get_parameter_source(name)
        if source and source.name == "COMMANDLINE":
            option = f"--{name.replace('_', '-')}"
            raise KitError(f"{option} is for hosts", f"leave {option} out, or name a host with --host")


def _measured(request: BenchRequest, transports: Sequence[Transport], quiet: bool) -> list[DeviceOutcome]:
    from kit import store
    from kit.bench import campaign
    from kit.bench.request import replaced
    from kit.bench.view import BenchView
    from kit.workflow import progress

    columns = [(transport.where, series.name) for transport in transports for series in request.series()]
    with live.stoppable(), store.exclusive(request.folder):
        progress.clear(request.folder)
        if quiet:
            return campaign.bench(request, transports, lambda told: None)
        for line in (line for transport in transports for line in replaced(request, transport)):
            console.say(line)
        with BenchView([target.name for target in request.targets], columns, request.protocol.processes) as view:
            return campaign.bench(request, transports, view)


def _show(request: BenchRequest, outcomes: Sequence[DeviceOutcome], as_json: bool) -> None:
    """Print what was measured. Raises KitError if a device or a cell failed, after the others are shown."""
    import msgspec

    from kit.datasets import prepare

    measured = [one for outcome in outcomes for one in outcome.measured]
    if as_json:
        console.print_json(msgspec.json.encode([_plain(one) for one in measured]))
    else:
        if any(outcome.measured or outcome.failed or outcome.shipped for outcome in outcomes):
            _tables(measured, outcomes)
        run = request.run
        if run and measured and request.parity_images > request.comparable().parity_images:
            getting = prepare.command(run.preset.dataset)
            console.say(f"predictions were not compared, the images are missing: get them with `{getting}`")
    _end(outcomes)


def _plain(one: TargetResult) -> dict[str, object]:
    """A measurement for scripts: where and how, the raw values, and what the tables show of them."""
    from kit.report.terminal import bench_of
    from kit.runs.record import plain

    found = bench_of(one)
    figures = {
        "statistic": found.latency.statistic,
        "latency_us": found.latency.value,
        "latency_interval_us": found.latency.interval,
        "memory_bytes": found.memory.value,
        "memory_interval_bytes": found.memory.interval,
    }
    return {"where": one.where, "series": one.series.name, "name": one.target.name, **figures, **plain(one.values)}


def _tables(measured: Sequence[TargetResult], outcomes: Sequence[DeviceOutcome]) -> None:
    from kit.report.terminal import remarks, tables

    for made in tables(measured):
        console.say(made.title)
        console.show(console.table(made.headers, made.rows))
        console.say(made.note)
    for line in remarks(measured):
        console.say(line)
    for outcome in outcomes:
        if outcome.shipped:
            console.say(_shipped(outcome.where, outcome.shipped))
        for (series, name), reason in outcome.failed.items():
            console.say(f"failed: {outcome.where} {series} {name}: {reason}")
    fresh, failed = sum(one.fresh for one in measured), sum(len(outcome.failed) for outcome in outcomes)
    console.say(f"{len(measured) - fresh} measured, {fresh} were up to date, {failed} failed")


def _shipped(host: str, shipped: Shipped) -> str:
    files = console.counted(shipped.files, "file", "files")
    return (
        f"{host}: {shipped.how} of the image sent ({shipped.image_bytes:,} bytes), {files} "
        f"({shipped.file_bytes:,} bytes); image {shipped.image_id}"
    )


def _end(outcomes: Sequence[DeviceOutcome]) -> None:
    lost = [outcome.lost for outcome in outcomes if outcome.lost]
    for error in lost[1:]:
        console.complain(str(error))
    if lost:
        raise lost[0]
    failed = sum(len(outcome.failed) for outcome in outcomes)
    if failed:
        raise KitError(
            f"{console.counted(failed, 'measurement', 'measurements')} failed",
            "fix the causes above; the same command does only those",
        )


def ship(
    run: Annotated[Path | None, typer.Argument(help="A run or a .tflite file; without one, only the image.")] = None,
    patterns: opt.Patterns = None,
    host: opt.Hosts = None,
    user: opt.User = "",
    port: opt.Port = None,
    identity: opt.Identity = None,
    ssh_config: opt.SshConfig = None,
    image: opt.ImageTag = opt.IMAGE,
    remove: Annotated[bool, typer.Option("--remove", help="Remove everything of the kit from the host.")] = False,
    data: opt.Data = opt.DATA,
    runs: opt.Runs = opt.RUNS,
) -> None:
    """Send the Pi image and a run's .tflite files to hosts, skipping what is there already."""
    from kit import store
    from kit.bench.ssh import Connection

    if not host:
        raise KitError("no host is named", "name one: kit ship --host pi.local")
    where = Where(host, user, port, identity, ssh_config)
    targets = What(run, patterns, runs, data).found()[0] if run else []
    files = {store.sha256(target.path): target.path for target in targets}
    with live.stoppable():
        for address in where.addresses():
            with Connection(address) as connection:
                if remove:
                    _remove(connection, image)
                else:
                    _send(connection, files, image)


def _remove(connection: Connection, image: str) -> None:
    from kit.bench import session
    from kit.bench.ship import remove

    session.await_quiet(connection)
    session.restore(connection, image)
    remove(connection)
    console.say(f"{connection.address.host}: nothing of the kit is left")


def _send(connection: Connection, files: dict[str, Path], image: str) -> None:
    from kit.bench import preflight
    from kit.bench.ship import send
    from kit.bench.view import BenchView

    preflight.facts(connection)
    with BenchView([], [], 0) as view:
        sent = send(connection, files, view, image)
    console.say(_shipped(connection.address.host, sent))
