"""`kit dev`: what is for trying the kit out and for its own tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kit import console

app = typer.Typer(no_args_is_help=True, help="For trying the kit out without hardware.")
pi = typer.Typer(no_args_is_help=True, help="A stand-in for a Raspberry Pi on this machine.")
app.add_typer(pi, name="pi")

Folder = Annotated[Path, typer.Option("--folder", help="Where its files lie; on a real disk, its images are there.")]
FOLDER = Path(".kit-pi")


@pi.command(epilog="Example: sudo kit dev pi up")
def up(folder: Folder = FOLDER) -> None:
    """Start it: sshd, a Docker engine of its own, and arm64 programs under emulation. Its timings mean nothing."""
    from kit.device.fakepi import HOST, FakePi

    made = FakePi(folder)
    state = made.up()
    console.say(f"{HOST} answers at {state.address}; firmware and kernel files to change: {folder / 'sys'}")
    console.say(f"try: kit doctor --host {HOST} --ssh-config {folder / 'ssh_config'}")


@pi.command(epilog="Example: sudo kit dev pi down --remove")
def down(
    folder: Folder = FOLDER, remove: Annotated[bool, typer.Option("--remove", help="Delete its files too.")] = False
) -> None:
    """Stop it."""
    import shutil

    from kit.device.fakepi import FakePi

    FakePi(folder).down()
    if remove:
        shutil.rmtree(folder, ignore_errors=True)
