"""`kit doctor`: checks that only look at what is there and what is missing, and name the command that fixes it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from kit import console
from kit.checks import Check
from kit.cli import options as opt
from kit.cli.targets import Where
from kit.containers import image
from kit.errors import KitError
from kit.runs import memory

if TYPE_CHECKING:
    from docker import DockerClient

_EXTRAS = {
    "train": ("tensorflow", "tf_keras", "tensorflow_model_optimization", "safetensors", "sklearn", "pooch", "PIL"),
    "bench": ("numpy", "ai_edge_litert", "tflite_runtime"),
    "report": ("jinja2", "babel", "scipy", "statsmodels", "altair", "vl_convert", "rocrate", "safetensors"),
    "docker": ("docker", "zstandard"),
}
_DISK_BYTES = 3_000_000_000
_GLIBC = (2, 34)
_MEMORY_BYTES = 3_000_000_000


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
    """Check this machine, or a host: what is there, what is missing, and how to fix it."""
    where = Where(host or [], user, port, identity, ssh_config)
    found = list(host_checks(where) if host else checks(data, runs))
    if as_json:
        console.print_json(msgspec.json.encode(found))
    else:
        _show(found)
    if any(check.needed and not check.ok for check in found):
        raise typer.Exit(1)


def _show(found: Sequence[Check]) -> None:
    """A table of what is right; what is wrong follows line by line, because no column is as wide as a remedy."""
    console.show(console.table(("check", "found"), [(c.what, c.found if c.ok else "✗, see below") for c in found]))
    for check in found:
        if not check.ok:
            console.say(f"✗ {check.what}: {check.found}\n  fix: {check.remedy}")


def checks(data: Path, runs: Path) -> Iterator[Check]:
    """All checks of this machine, in the order of the table."""
    version = sys.version_info
    yield Check("Python", f"{version.major}.{version.minor}.{version.micro}", version[:2] == (3, 11), "use Python 3.11")
    for extra, modules in _EXTRAS.items():
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        found = f"without {', '.join(missing)}" if missing else "installed"
        yield Check(f"extra {extra}", found, not missing, f"pip install 'mobile-cnn-kit[{extra}]'")
    yield from _glibc()
    yield _look("training operations", _operations)
    memory_bytes = memory.available_bytes()
    yield Check(
        "memory", f"{memory_bytes / 1e9:.1f} GB", memory_bytes > _MEMORY_BYTES, "train with --workers 1", needed=False
    )
    for name, folder in (("data", data), ("runs", runs)):
        yield from _folder(name, folder)
    from kit.study.datasets import DATASETS

    for name in DATASETS:
        there = (data / name / "images.safetensors").is_file()
        yield Check(f"data set {name}", "prepared" if there else "not yet", there, f"kit data {name}", needed=False)
    if not image.SBOM.is_file():  # inside an image there is no engine to look for
        yield from _engine()


def _glibc() -> Iterator[Check]:
    """Wheels promise to run with an older glibc than they do: ai-edge-litert's for arm64 says 2.27."""
    version = platform.libc_ver()[1]
    if platform.machine() == "aarch64" and version:
        found = tuple(int(part) for part in version.split(".")[:2])
        yield Check("glibc", version, found >= _GLIBC, "ai-edge-litert needs 2.34 on arm64: use Debian 12 or later")


def _operations() -> str:
    from kit.stages.tensorflow.ops import build

    path = build.path()
    if not path.is_file():
        raise KitError("not built", "python -m kit.stages.tensorflow.ops.build")
    return path.name


def _folder(name: str, folder: Path) -> Iterator[Check]:
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    writable = os.access(existing, os.W_OK)
    yield Check(f"folder {name}", str(folder), writable, f"choose another with KIT_{name.upper()}")
    free_bytes = shutil.disk_usage(existing).free
    yield Check(f"disk for {name}", f"{free_bytes / 1e9:.0f} GB free", free_bytes > _DISK_BYTES, "free 3 GB")


def _engine() -> Iterator[Check]:
    """What containers need; nothing of it is needed to run the study without them."""
    from kit.containers import build, buildx, engine

    client: DockerClient | None = None

    def look() -> str:
        nonlocal client
        client = engine.connect()
        return f"{engine.of(client).Version}, {build.space(client, 'train', engine.native(client))}"

    yield _look("Docker engine", look)
    yield _look("Docker Buildx", buildx.version)
    yield _look("Docker Compose", engine.compose)
    if client is None:
        return
    yield _look("arm64 programs", lambda: engine.require_platform("arm64", client))
    with suppress(KitError):  # outside of a checkout there is nothing to compare images with
        root = build.checkout()
        yield _look("image train", lambda: build.state(client, "train", engine.native(client), root))
        yield _look("image pi", lambda: build.state(client, "pi", "arm64", root))


def _look(what: str, look: Callable[[], str]) -> Check:
    try:
        return Check(what, look(), True, needed=False)
    except KitError as error:
        return Check(what, error.wrong, False, error.remedy, needed=False)


def host_checks(where: Where) -> Iterator[Check]:
    """The checks of each host, with its name where there are several."""
    from kit.bench import preflight
    from kit.bench.ssh import Connection

    for address in where.addresses():
        prefix = f"{address.host} " if len(where.hosts) > 1 else ""
        try:
            with Connection(address) as connection:
                yield Check(f"{prefix}SSH", f"{address.host} answers", True)
                for check in preflight.checks(connection):
                    yield msgspec.structs.replace(check, what=prefix + check.what)
        except KitError as error:
            yield Check(f"{prefix}SSH", error.wrong, False, error.remedy)
