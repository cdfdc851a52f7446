"""`kit dev`: tools to try the kit out and to test it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kit import console

app = typer.Typer(no_args_is_help=True, help="Try the kit out without hardware.")
pi = typer.Typer(no_args_is_help=True, help="An emulated Raspberry Pi on this machine.")
app.add_typer(pi, name="pi")

Folder = Annotated[Path, typer.Option("--folder", help="Folder for its files and images; must be on a real disk.")]
FOLDER = Path(".kit-pi")


@pi.command(epilog="Example: sudo kit dev pi up")
def up(
    folder: Folder = FOLDER,
    model: Annotated[str, typer.Option("--model", help="What it says that it is: pi4, pi4-fast, pi5 or zero2.")] = "pi4",
) -> None:
    """Start it: sshd, its own Docker engine, arm64 programs under emulation. Its timings are meaningless."""
    from kit.testing.fakepi import HOST, FakePi

    made = FakePi(folder, model)
    state = made.up()
    console.say(f"{HOST} answers at {state.address}; its firmware and kernel files, to edit: {folder / 'sys'}")
    console.say(f"try: kit doctor --host {HOST} --ssh-config {folder / 'ssh_config'}")


@pi.command(epilog="Example: sudo kit dev pi down --remove")
def down(
    folder: Folder = FOLDER, remove: Annotated[bool, typer.Option("--remove", help="Delete its files too.")] = False
) -> None:
    """Stop it."""
    import shutil

    from kit.testing.fakepi import FakePi

    FakePi(folder).down()
    if remove:
        shutil.rmtree(folder, ignore_errors=True)
