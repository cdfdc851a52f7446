"""`kit worker` and `kit cluster keys`: other machines that share the work of a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from kit import console
from kit.cli import live
from kit.cli import options as opt

app = typer.Typer(no_args_is_help=True, help="A cluster of machines for one run.")


@app.command(epilog="Example: kit cluster keys ~/kit-keys")
def keys(folder: Annotated[Path, typer.Argument(help="A new folder for them.", show_default=False)]) -> None:
    """Make the keys that the machines of a cluster know each other by."""
    from kit.cluster import keys

    keys.make(folder)
    console.say(f"{folder}: copy this folder to each machine (scp -p), and name it with --keys or KIT_CLUSTER_KEYS")
    console.say(f"valid for {keys.VALID_DAYS} days; whoever has it may run programs on all of these machines")


def worker(
    head: Annotated[str, typer.Argument(help="Where the head listens, such as tcp://head:8786.", show_default=False)],
    slots: Annotated[int | None, typer.Option(min=1, help="Number of jobs at once; default: one per core.")] = None,
    keys: opt.Keys = None,
    insecure: opt.Insecure = False,
    name: Annotated[str, typer.Option(help="What the machine is called; default: its host name.")] = "",
    cache: Annotated[
        Path | None, typer.Option(help="Folder for files from the head; default: below ~/.cache.", show_default=False)
    ] = None,
    cache_size: Annotated[float, typer.Option(min=0.1, help="The most that it keeps, in GB.")] = 4.0,
    patience: Annotated[float, typer.Option(min=0, help="Seconds without a head after which it ends.")] = 300.0,
) -> None:
    """Work for the head of a run on another machine; ends when no head has answered for a while."""
    import socket

    from kit.cluster import address, identity
    from kit.cluster.cache import Cache
    from kit.cluster.keys import security
    from kit.cluster.messages import Machine
    from kit.cluster.serve import Service, default_cache

    at = address.parse(head)
    address.refuse_open(at, keys, insecure)
    place = Cache(cache or default_cache(), int(cache_size * 1e9))
    count = slots or len(os.sched_getaffinity(0))
    machine = Machine(name or socket.gethostname(), count, identity.traits())
    service = Service(at, security(keys), machine, place, patience)
    with live.stoppable():
        service.run()
