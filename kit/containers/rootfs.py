"""A base image without a registry: Debian 12's root file system, made from its packages by mmdebstrap."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kit import process
from kit.containers import buildx, engine
from kit.errors import KitError

if TYPE_CHECKING:
    from docker import DockerClient

SUITE = "bookworm"  # its python3 is 3.11, which tflite-runtime 2.14.0 needs
_SOURCES = Path("/etc/apt/sources.list.d/debian.sources")


def from_packages(client: DockerClient, architecture: str, fresh: bool, say: Callable[[str], object]) -> str:
    """The name of a base image of `architecture`; made where it is missing or `fresh` is wanted. Raises KitError."""
    name = f"kit-base:{SUITE}-{architecture}"
    old = engine.image_id(client, name)
    if old and not fresh:
        return name
    with tempfile.TemporaryDirectory() as folder:
        tar = Path(folder) / "base.tar"
        say(f"{name}: from Debian's packages")
        _bootstrap(architecture, tar, say)
        done = process.run(["docker", "import", "--platform", f"linux/{architecture}", tar, name])
    if done.code:
        raise KitError(f"{name} cannot be imported ({done.reason})", "fix the cause and try again")
    engine.forget(client, old)
    return name


def _bootstrap(architecture: str, tar: Path, say: Callable[[str], object]) -> None:
    argv = ["mmdebstrap", "--variant=minbase", f"--arch={architecture}", *_options(), SUITE, str(tar), *_sources()]
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        if line.startswith("I: "):
            say(line.removeprefix("I: "))

    # With a fixed date, the same packages give the same layer, and the build cache stays usable.
    code = process.stream(argv, on_line, env=os.environ | {"SOURCE_DATE_EPOCH": buildx.DATE})
    if code:
        wrong = next((line for line in reversed(lines) if line.startswith("E: ")), f"it ended with code {code}")
        raise KitError(f"mmdebstrap failed ({wrong.removeprefix('E: ')})", "check the network and Debian's sources")


def extract(architecture: str, packages: str, folder: Path) -> None:
    """Unpack Debian packages of `architecture`, and what they depend on, into `folder`; nothing in them is run."""
    done = process.run(
        ["mmdebstrap", "--variant=extract", f"--arch={architecture}", f"--include={packages}", *_options(), SUITE, folder,
         *_sources()]
    )  # fmt: skip
    if done.code:
        wrong = next((line for line in reversed(done.stderr.splitlines()) if line.startswith("E: ")), done.reason)
        raise KitError(f"mmdebstrap failed ({wrong.removeprefix('E: ')})", "check the network and Debian's sources")


def _sources() -> list[str]:
    """This machine's own Debian sources, where they are of the suite; else mmdebstrap takes its default mirror."""
    return [str(_SOURCES)] if _SOURCES.is_file() and SUITE in _SOURCES.read_text(errors="replace") else []


def _options() -> list[str]:
    """For a slow mirror, or one that is just being updated. apt inside the image keeps them."""
    patient = ['--aptopt=Acquire::Retries "5"']
    try:
        done = process.run(["apt-config", "dump", "Acquire::Check-Valid-Until"])
    except KitError:
        return patient
    return [*patient, '--aptopt=Acquire::Check-Valid-Until "false"'] if '"false"' in done.stdout else patient
