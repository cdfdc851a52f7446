"""What one takes away: `kit export` and `kit predict`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from kit import console
from kit.cli import options as opt
from kit.cli.targets import What, find_run
from kit.errors import KitError, unknown


def export(
    run: opt.RunArgument,
    patterns: opt.Patterns = None,
    to: Annotated[Path, typer.Option("--to", help="Where the folders go, one for each cell.")] = Path("exported"),
    author: Annotated[str, typer.Option("--author", help="Who made the model, for its card.")] = "",
    licence: Annotated[
        str, typer.Option("--license", "--licence", help="Licence of the model, for its card, such as apache-2.0.")
    ] = "unknown",
    data: opt.Data = opt.DATA,
    runs: opt.Runs = opt.RUNS,
) -> None:
    """Write a folder for each cell that needs no kit: the .tflite file, labels, a model card and a program for the Pi."""
    from kit.deploy.card import Signed
    from kit.deploy.export import export as exported
    from kit.runs.run import open_run

    targets, unpacked = What(run, patterns, runs, data).found()
    models = {target.cell: target.path for target in targets if target.cell}
    if unpacked is None:
        raise KitError(f"{run} is not a run", "name a run and its cells: kit export runs/short mobilenet_v2/s60/int8")
    whole = open_run(find_run(run, runs))  # of a bundle: with all records
    for folder in exported(whole, models, to, Signed(author, licence)):
        console.say(f"written: {folder}")


def predict(
    model: Annotated[
        Path,
        typer.Argument(help="A folder that `kit export` wrote, a cell's folder, or a .tflite file.", show_default=False),
    ],
    pictures: Annotated[
        list[Path], typer.Argument(help="Pictures, or folders of them.", metavar="PICTURE...", show_default=False)
    ],
    labels: Annotated[Path | None, typer.Option("--labels", help="A text file with one class a line.")] = None,
    input_range: Annotated[
        str, typer.Option("--input-range", help="What black and white are for the network, such as -1,1 or 0,255.")
    ] = "",
    shape: Annotated[
        str, typer.Option("--shape", help="Size of the input where the file leaves it open: 1,224,224,3.")
    ] = "",
    top: Annotated[int, typer.Option("--top", min=1, help="How many classes to show.")] = 3,
    interpreter: Annotated[str, typer.Option("--interpreter", help="litert or tflite.")] = "litert",
    runs: opt.Runs = opt.RUNS,
    as_json: opt.Json = False,
) -> None:
    """Say what pictures show, by a classifier of this kit's or any other that is a .tflite file."""
    import msgspec

    from kit.bench.protocol import INTERPRETERS
    from kit.deploy.model import labels_of, named, range_of
    from kit.deploy.predict import found_in
    from kit.deploy.predict import predict as predicted

    if interpreter not in INTERPRETERS:
        raise unknown("interpreter", interpreter, INTERPRETERS)
    given: dict[str, object] = {"shape": shape}
    if labels:
        given["labels"] = labels_of(labels)
    if input_range:
        given["input"] = range_of(input_range)
    found, failed = [], 0
    with tempfile.TemporaryDirectory(prefix="kit-") as scratch:
        chosen = msgspec.structs.replace(named(model, runs, Path(scratch)), **given)
        for one in predicted(chosen, found_in(pictures), interpreter, top):
            found.append(one)
            failed += bool(one.error)
            if as_json:
                continue
            if one.error:
                console.complain(f"{one.picture}: cannot be read: {one.error}")
            else:
                console.say(f"{one.picture}: {', '.join(map(str, one.classes))}")
    if as_json:
        console.print_json(msgspec.json.encode(found))
    if failed:
        which = "the picture" if len(found) == 1 else f"{failed:,} of {len(found):,} pictures"
        raise KitError(f"{which} could not be read", "see above")
