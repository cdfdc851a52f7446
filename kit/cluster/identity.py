"""Where a worker runs, as far as it decides the bytes of results; and in what that differs from the head."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import kit
from kit.containers import image
from kit.runs import environment

_TRANSPORT = ("dask", "distributed", "msgpack", "msgspec")  # of other versions, the two may not understand each other


@cache
def traits() -> dict[str, str]:
    """What has to be equal for equal results: code, packages, C library, image, processor. Each by its name."""
    known = [*environment.PACKAGES, *_TRANSPORT]
    return {
        "kit": source_digest(Path(kit.__file__).parent),
        "python": platform.python_version(),
        "system": platform.system(),
        "C library": " ".join(platform.libc_ver()),
        "architecture": platform.machine(),
        "instructions": " ".join(environment.processor_features()),
        "processor of": environment.processor_vendor(),  # its estimate of 1/sqrt(x) is in float32 files
        "L1 data cache": f"{environment.l1d_cache_bytes() // 1024} KiB",
        "image": contents(),
        **{name: environment.version(name) for name in known},
    }


def differences(heads: Mapping[str, str], workers: Mapping[str, str]) -> tuple[str, ...]:
    """Each difference as `numpy 1.26.4, not 2.0.1`: what a worker has, and what the head does."""
    names = [name for name in {**heads, **workers} if heads.get(name, "") != workers.get(name, "")]
    return tuple(_difference(name, workers.get(name, ""), heads.get(name, "")) for name in names)


def _difference(name: str, workers: str, heads: str) -> str:
    if name == "instructions":
        more, less = set(workers.split()) - set(heads.split()), set(heads.split()) - set(workers.split())
        changes = [*(f"with {one}" for one in sorted(more)), *(f"without {one}" for one in sorted(less))]
        return f"processor {', '.join(changes)}"
    return f"{name} {workers[:19] or 'none'}, not {heads[:19] or 'none'}"


def source_digest(folder: Path) -> str:
    """Of all that can be run in `folder`: two checkouts of one version may differ."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".so", ".toml")):
        digest.update(f"{path.relative_to(folder).as_posix()}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return f"{kit.__version__} {digest.hexdigest()[:12]}"


def contents() -> str:
    """SHA-256 of what is inside the image that this runs in; empty outside of one."""
    return hashlib.sha256(image.SBOM.read_bytes()).hexdigest() if image.SBOM.is_file() else ""
