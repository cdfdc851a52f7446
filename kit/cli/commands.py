"""The command line: parse, call one function, print what came back."""

from __future__ import annotations

from typing import Annotated

import typer

from kit import __version__, console
from kit.cli import bench, cluster, containers, data, deploy, dev, doctor, runs, study

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # boxes around the help would cost 0.15 s of each `kit --help`
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Reproduce a study of quantization and pruning of mobile CNNs: train, compress, measure, report.",
    epilog="Start with: kit reproduce --preset smoke",
)

app.add_typer(dev.app, name="dev")
app.add_typer(cluster.app, name="cluster")


def _say_version(wanted: bool) -> None:
    if wanted:
        console.say(__version__)
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the trace of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Print the version.")
    ] = False,
) -> None:
    """What holds for every command; `door` looks for --debug itself."""


app.command(epilog="Example: kit reproduce --preset short --archive cifar-10-python.tar.gz")(study.reproduce)
app.command(epilog="Example: kit train mobilenet_v2 --preset short")(study.train)
app.command(epilog="Example: kit compress runs/short mobilenet_v2/s60")(study.compress)
app.command(epilog="Example: kit evaluate runs/short mobilenet_v2/s60/int8")(study.evaluate)
app.command(epilog="Example: kit audit runs/short efficientnet_b0/s00/int8")(study.audit)
app.command(epilog="Example: kit worker tcp://head:8786 --slots 4 --keys ~/kit-keys")(cluster.worker)
app.command(epilog="Example: kit bench runs/short mobilenet_v2 --host pi.local")(bench.bench)
app.command(epilog="Example: kit ship runs/short --host pi.local")(bench.ship)
app.command(epilog="Example: kit report runs/short --language de")(runs.report)
app.command(epilog="Example: kit status runs/short")(runs.status)
app.command(epilog="Example: kit verify runs/short")(runs.verify)
app.command(epilog="Example: kit publish runs/short reports/short")(runs.publish)
app.command(epilog="Example: kit export runs/short mobilenet_v2/s60/int8 --to exported")(deploy.export)
app.command(epilog="Example: kit predict exported/mobilenet_v2-seed1-s60-int8 pictures/")(deploy.predict)
app.command(epilog="Example: kit data cifar10 --archive cifar-10-python.tar.gz")(data.data)
app.command(epilog="Example: kit new flowers/ --network my_net:build")(data.new)
app.command(epilog="Example: kit build pi --no-registry")(containers.build)
app.command(epilog="Example: kit doctor --json")(doctor.doctor)
