"""The Docker engine, through its SDK: what it can do, and its faults in one line each."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec import Struct

from kit import causes, process
from kit.errors import KitError

if TYPE_CHECKING:
    from docker import DockerClient

T = TypeVar("T")


class _Version(Struct, frozen=True):
    Version: str
    Arch: str


class _Info(Struct, frozen=True):
    DockerRootDir: str
    SecurityOptions: list[str] | None = None


OLDEST = (23, 0)  # the first whose `docker import --platform` sets the platform correctly
_INSTALL = "sudo apt install docker.io docker-buildx docker-compose"  # Debian 13's are new enough
_REPLACE = "sudo apt remove docker.io && curl -fsSL https://get.docker.com | sudo sh"  # Docker's own, for any distribution


def connect() -> DockerClient:
    """A client of the engine. Raises KitError if the SDK is missing, or if no engine answers, or one that is too old."""
    try:
        import docker
        from docker.errors import DockerException
    except ImportError as error:
        raise KitError("the Docker SDK is not installed", "pip install 'mobile-cnn-kit[docker]'") from error
    try:
        client = docker.from_env(timeout=600, environment=_environment())
    except (DockerException, OSError, KeyError, TypeError, ValueError) as error:
        raise _unreachable(str(error)) from error
    version = of(client).Version
    if _numbers(version) < OLDEST:
        wanted = ".".join(str(number) for number in OLDEST)
        wrong = f"the Docker engine is {version}, the kit needs {wanted}"
        raise KitError(wrong, f"apt has no newer one on Debian 12, Docker itself has: {_REPLACE}")
    return client


def of(client: DockerClient) -> _Version:
    """The engine's version and its own architecture, as in a platform's name: amd64 or arm64."""
    return _said(client.version, _Version)


def _said(ask: Callable[[], object], kind: type[T]) -> T:
    """An answer of the engine. Raises KitError if there is none, or another than it must give."""
    from docker.errors import DockerException

    try:
        return msgspec.convert(ask(), kind)
    except msgspec.ValidationError as error:
        raise KitError(f"what answers as a Docker engine is none ({error})", "check DOCKER_HOST: docker version") from error
    except (DockerException, OSError, ValueError) as error:
        raise _unreachable(str(error)) from error


def _environment() -> dict[str, str]:
    """The environment, with the engine that the `docker` program uses: the SDK knows nothing of contexts, which Docker
    Desktop and rootless engines set."""
    if "DOCKER_HOST" in os.environ or not shutil.which("docker"):
        return dict(os.environ)
    host = process.run(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]).stdout.strip()
    return dict(os.environ) | ({"DOCKER_HOST": host} if re.fullmatch(r"(unix|tcp)://\S+", host) else {})


def _unreachable(reason: str) -> KitError:
    """Why no engine answers; `reason` is what the SDK says."""
    host = os.environ.get("DOCKER_HOST", "")
    found = causes.explain(causes.CLIENT, f"{host} {reason}", host=host) if host else None
    if found:
        return KitError(*found)
    system = re.search(r"\[Errno \d+\] ([^'\")]+)|\w+Error\(\d+, '([^']+)'\)", reason)  # within what the SDK wraps around it
    why = system[1] or system[2] if system else causes.last_line(reason)
    if "ermission denied" in reason or "PermissionError" in reason:
        return KitError(*(causes.engine(reason, here=True) or ("no access", "")))
    if host:
        return KitError(f"no Docker engine answers at {host} ({why})", "start it there, or: unset DOCKER_HOST")
    remedy = "sudo systemctl start docker" if shutil.which("docker") else _INSTALL
    return KitError(f"no Docker engine answers ({why})", remedy)


def is_rootless(client: DockerClient) -> bool:
    """Whether the engine runs as an ordinary user: in its containers, that user is root."""
    return "name=rootless" in (_said(client.info, _Info).SecurityOptions or [])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def native(client: DockerClient) -> str:
    """The engine's own architecture, as in a platform's name: amd64 or arm64."""
    return of(client).Arch


def compose() -> str:
    """Compose's version. Raises KitError if Compose v2 is missing."""
    done = process.run(["docker", "compose", "version", "--short"])
    if done.code:
        raise KitError("Docker has no Compose v2", "install it (Debian: apt install docker-compose)")
    return done.stdout.strip()


def require_platform(architecture: str, client: DockerClient) -> str:
    """How the engine runs programs of `architecture`: native or emulated. Raises KitError if it cannot."""
    if architecture == native(client):
        return "native"
    done = process.run(["docker", "buildx", "inspect"])
    if re.search(rf"Platforms:.*linux/{re.escape(architecture)}\b", done.stdout) and _registered(architecture):
        return "emulated"
    raise KitError(
        f"nothing here runs {architecture} programs",
        "install an emulator (Debian: apt install qemu-user-static binfmt-support; others: "
        f"docker run --privileged --rm tonistiigi/binfmt --install {architecture})",
    )


def _registered(architecture: str) -> bool:
    """False if this kernel no longer has an emulator registered; a remote engine knows better than this machine."""
    entries = Path("/proc/sys/fs/binfmt_misc")
    name = {"arm64": "qemu-aarch64", "amd64": "qemu-x86_64"}.get(architecture, architecture)
    if not (entries / "register").exists():
        return True
    entry = entries / name
    return entry.is_file() and entry.read_text().startswith("enabled")


def require_disk(client: DockerClient, needed_bytes: int) -> str:
    """Free space where the engine keeps images. Raises KitError if it is less than `needed_bytes`."""
    folder = Path(_said(client.info, _Info).DockerRootDir)
    if not folder.is_dir():
        return "on another machine"
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise KitError(
            f"{free_bytes / 1e9:.1f} GB are free in {folder}, {needed_bytes / 1e9:.0f} GB are needed",
            "free up space: docker builder prune; docker image prune",
        )
    return f"{free_bytes / 1e9:.0f} GB free"


def image_id(client: DockerClient, tag: str) -> str:
    """The ID of the image that `tag` names now, or nothing."""
    from docker.errors import ImageNotFound

    try:
        return str(client.images.get(tag).id)
    except ImageNotFound:
        return ""


def forget(client: DockerClient, image: str) -> None:
    """Remove the image with the ID `image` if it exists and neither a tag nor a container uses it any more."""
    from docker.errors import APIError, ImageNotFound

    try:
        if image and not client.images.get(image).tags:
            client.images.remove(image)
    except ImageNotFound:
        return
    except APIError as error:
        if error.status_code != HTTPStatus.CONFLICT:
            raise


def pinned(client: DockerClient, image: str) -> str:
    """`image` with the digest that its registry gives now. Raises KitError if no registry answers."""
    from docker.errors import APIError

    if "@" in image:
        return image
    try:
        return f"{image}@{client.images.get_registry_data(image).id}"
    except (APIError, OSError) as error:
        raise KitError(
            f"no registry answers for {image}",
            "check the network, or build from Debian's packages: kit build --no-registry",
        ) from error
