"""`kit build`: the images."""

from __future__ import annotations

from typing import Annotated

import typer

from kit import console
from kit.cli import live
from kit.cli import options as opt
from kit.errors import KitError


def build(
    what: Annotated[str, typer.Argument(help="train, pi or all.")] = "all",
    platform: opt.Platforms = None,
    no_registry: Annotated[bool, typer.Option("--no-registry", help="Make the base from Debian's packages.")] = False,
    ca: opt.Ca = None,
    base: Annotated[str, typer.Option("--base", help="Another base image, such as one by its digest.")] = "",
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Build every step anew, the base included.")] = False,
    tflite_only: Annotated[bool, typer.Option("--tflite-only", help="The Pi image without ai-edge-litert.")] = False,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="The Pi image with Pillow instead, for what `kit export` writes.")
    ] = False,
    as_json: opt.Json = False,
    runs: opt.Runs = opt.RUNS,
) -> None:
    """Build the images, and leave a record of each in runs/images. Compose uses them from then on."""
    import msgspec

    from kit.containers import build

    if tflite_only and pictures:
        raise KitError("--tflite-only and --pictures are two images", "build one after the other")
    target = "tflite" if tflite_only else "pictures" if pictures else ""
    order = build.Order(build.checkout(), runs / "images", not no_registry, ca, base, not no_cache, target)
    with live.stoppable():
        built = build.build_all(what, platform or (), order, (lambda line: None) if as_json else console.say)
    if as_json:
        console.print_json(msgspec.json.encode(built))
        return
    rows = [(i.tag, i.architecture, i.id, f"{i.size_bytes / 1e6:,.1f}", console.duration(i.duration_s)) for i in built]
    console.show(console.table(("image", "platform", "ID", "MB", "took"), rows))
