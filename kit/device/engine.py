"""The Docker engine: reached through its SDK, asked what it can do, its faults said in one line."""

from __future__ import annotations

import re
import shutil
from http import HTTPStatus
from pathlib import Path
from typing import Any

from kit.device import process
from kit.errors import KitError

OLDEST = (23, 0)  # from here on `docker import --platform` marks an image as it should
_INSTALL = "install Docker (Debian: apt install docker.io docker-buildx docker-compose), then start it"


def connect() -> Any:
    """A client of the engine. Raises KitError where the SDK is missing, or none answers, or one that is too old."""
    try:
        import docker
        from docker.errors import DockerException
    except ImportError as error:
        raise KitError("the Docker SDK is not installed", "pip install 'mobile-cnn-kit[docker]'") from error
    try:
        client = docker.from_env(timeout=600)
        version = client.version()["Version"]
    except (DockerException, OSError) as error:
        raise _unreachable(str(error)) from error
    if _numbers(version) < OLDEST:
        wanted = ".".join(str(number) for number in OLDEST)
        raise KitError(f"the Docker engine is {version}, the kit needs {wanted}", "upgrade it: " + _INSTALL)
    return client


def _unreachable(reason: str) -> KitError:
    if "Permission denied" in reason or "PermissionError" in reason:
        return KitError("this user may not use the Docker engine", "sudo usermod -aG docker $USER, then log in again")
    return KitError("no Docker engine answers", f"{_INSTALL}: sudo systemctl start docker; or point DOCKER_HOST to one")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def native(client: Any) -> str:
    """The engine's own architecture, as in a platform's name: amd64 or arm64."""
    return str(client.version()["Arch"])


def compose() -> str:
    """Compose's version. Raises KitError where Compose v2 is missing."""
    done = process.run(["docker", "compose", "version", "--short"])
    if done.code:
        raise KitError("Docker has no Compose v2", "install it (Debian: apt install docker-compose)")
    return done.stdout.strip()


def require_platform(architecture: str, client: Any) -> str:
    """How the engine runs programs of `architecture`: native or emulated. Raises KitError where it cannot."""
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
    """False where this kernel has an emulator's entry no longer; an engine elsewhere knows better than this machine."""
    entries = Path("/proc/sys/fs/binfmt_misc")
    name = {"arm64": "qemu-aarch64", "amd64": "qemu-x86_64"}.get(architecture, architecture)
    if not (entries / "register").exists():
        return True
    entry = entries / name
    return entry.is_file() and entry.read_text().startswith("enabled")


def require_disk(client: Any, needed_bytes: int) -> str:
    """Free space where the engine keeps images. Raises KitError where it is less than `needed_bytes`."""
    folder = Path(client.info()["DockerRootDir"])
    if not folder.is_dir():
        return "on another machine"
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise KitError(
            f"{free_bytes / 1e9:.1f} GB are free in {folder}, {needed_bytes / 1e9:.0f} GB are needed",
            "free some: docker builder prune; docker image prune",
        )
    return f"{free_bytes / 1e9:.0f} GB free"


def image_id(client: Any, tag: str) -> str:
    """The ID of the image that `tag` names now, or nothing."""
    from docker.errors import ImageNotFound

    try:
        return str(client.images.get(tag).id)
    except ImageNotFound:
        return ""


def forget(client: Any, image: str) -> None:
    """Remove the image with the ID `image`, if there is one that no tag names and no container uses any longer."""
    from docker.errors import APIError, ImageNotFound

    try:
        if image and not client.images.get(image).tags:
            client.images.remove(image)
    except ImageNotFound:
        return
    except APIError as error:
        if error.status_code != HTTPStatus.CONFLICT:
            raise


def pinned(client: Any, image: str) -> str:
    """`image` with the digest that its registry gives now. Raises KitError where no registry answers."""
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
