"""The kit's images: built by Buildx with progress, and each described in a record."""

from __future__ import annotations

import datetime
import hashlib
import io
import os
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from kit import store
from kit.containers import buildx, engine, rootfs
from kit.errors import KitError, unknown

if TYPE_CHECKING:
    from docker import DockerClient

SBOM = "usr/share/kit/image.json"
_REGISTRY_BASE = "debian:bookworm-slim"
LABEL = "kit.source"
PLATFORMS = ("linux/amd64", "linux/arm64")


class Recipe(Struct, frozen=True):
    """What an image is made of: its Dockerfile's name, the files that decide its contents, and the free space that a first
    build takes: the image, its layers in the build cache and the base, with a margin."""

    name: str
    sources: tuple[str, ...]
    needed_bytes: int


RECIPES = {
    "train": Recipe(
        "train",
        ("docker/train.Dockerfile", "docker/sbom.py", "docker/requirements-train.txt", "docker/requirements-build.txt",
         "pyproject.toml", *(f"kit/**/*.{kind}" for kind in ("py", "cpp", "h", "toml", "j2", "js", "css", "po"))),
        5_000_000_000,
    ),
    "pi": Recipe(
        "pi",
        ("docker/pi.Dockerfile", "docker/sbom.py", "docker/pi_files.py", "docker/requirements-pi*.txt",
         "kit/bench/worker/*.py"),
        1_000_000_000,
    ),
}  # fmt: skip


class Image(Struct, frozen=True):
    """A built image. `contents` is the SHA-256 of the list of packages inside it, which `sbom` repeats."""

    format: int
    name: str
    architecture: str
    tag: str
    id: str
    size_bytes: int
    contents: str
    source: str
    base: str
    engine: str
    built: str
    duration_s: float
    sbom: dict[str, Any]


class Order(Struct, frozen=True):
    """How to build. If `base_image` is empty, it comes from the registry, by digest, or from Debian's packages.

    `target` is the Pi image's: `tflite`, `pictures`, or empty for the usual one.
    """

    root: Path
    folder: Path
    registry: bool = True
    ca: Path | None = None
    base_image: str = ""
    cache: bool = True
    target: str = ""


def checkout() -> Path:
    """The checkout that this kit runs from. Raises KitError if it was installed without one."""
    for root in (Path.cwd(), Path(__file__).parents[2]):
        if (root / "docker" / "pi.Dockerfile").is_file():
            return root
    raise KitError("there is no docker/ folder here", "run `kit build` in a checkout of the kit")


def build_all(what: str, platforms: Sequence[str], order: Order, say: Callable[[str], object]) -> list[Image]:
    """Build `train`, `pi` or `all` of them for each of `platforms`, and let Compose use them. Raises KitError."""
    if what not in (*RECIPES, "all"):
        raise unknown("image", what, (*RECIPES, "all"))
    wanted = [architecture_of(platform) for platform in platforms]
    client = engine.connect()
    buildx.version()
    built = []
    for name in RECIPES if what == "all" else (what,):
        for architecture in wanted or ["arm64" if name == "pi" else engine.native(client)]:
            built.append(build(client, name, architecture, order, say))
    trained = next((image for image in built if image.tag == "kit-train:latest"), None)
    values = {"KIT_UID": "0", "KIT_GID": "0"} if engine.is_rootless(client) else dict(owner(order.root))
    if trained:
        values["KIT_BASE_IMAGE"] = trained.base
    if order.ca:
        values["KIT_CA"] = str(order.ca.absolute())
    set_env(order.root / ".env", values)
    return built


def architecture_of(platform: str) -> str:
    """`arm64` of `linux/arm64`. Raises KitError for a platform that the kit builds nothing for."""
    if platform not in PLATFORMS:
        raise unknown("platform", platform, PLATFORMS)
    return platform.removeprefix("linux/")


def build(client: DockerClient, name: str, architecture: str, order: Order, say: Callable[[str], object]) -> Image:
    """Build one image, and leave its record in `order.folder`. Raises KitError, which says what to fix."""
    recipe = RECIPES[name]
    host = engine.native(client)
    tag = tag_of(name, architecture, host, order.target)
    old = engine.image_id(client, tag)
    space(client, name, architecture)
    if name == "train":
        engine.require_platform(architecture, client)
    clock = time.monotonic()
    # The Pi image is assembled on the build machine's own architecture.
    parent = _base(client, host if name == "pi" else architecture, order, say)
    source = source_digest(recipe, order.root)
    log = order.folder / f"{tag.replace(':', '-')}.log"
    target = order.target if name == "pi" else ""
    buildx.build(
        order.root, recipe.name, architecture, tag, parent, {LABEL: source}, order.ca, order.cache, target, log, say
    )
    image = _described(client, recipe, architecture, tag, parent, source, time.monotonic() - clock)
    store.write(order.folder / f"{tag.replace(':', '-')}.json", msgspec.json.format(msgspec.json.encode(image), indent=1))
    engine.forget(client, old)
    return image


def space(client: DockerClient, name: str, architecture: str) -> str:
    """Free space where the engine keeps images. Raises KitError if too little is left for a first build; later ones reuse
    most of it from the build cache."""
    there = engine.image_id(client, tag_of(name, architecture, engine.native(client)))
    return engine.require_disk(client, 0 if there else RECIPES[name].needed_bytes)


def tag_of(name: str, architecture: str, host: str, target: str = "") -> str:
    """`kit-train:latest` of the engine's own architecture, else `kit-train:arm64`; `kit-pi:arm64`, `kit-pi:arm64-tflite`."""
    if name == "train":
        return "kit-train:latest" if architecture == host else f"kit-train:{architecture}"
    return f"kit-{name}:{architecture}{f'-{target}' if target else ''}"


def _base(client: DockerClient, architecture: str, order: Order, say: Callable[[str], object]) -> str:
    if order.base_image:
        return order.base_image
    if order.registry:
        return engine.pinned(client, _REGISTRY_BASE)
    return rootfs.from_packages(client, architecture, not order.cache, say)


def _described(
    client: DockerClient, recipe: Recipe, architecture: str, tag: str, parent: str, source: str, duration_s: float
) -> Image:
    found = client.images.get(tag)
    content = _read(client, tag, architecture)
    return Image(
        format=1,
        name=f"kit-{recipe.name}",
        architecture=architecture,
        tag=tag,
        id=found.id,
        size_bytes=found.attrs["Size"],
        contents=hashlib.sha256(content).hexdigest(),
        source=source,
        base=parent,
        engine=engine.of(client).Version,
        built=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        duration_s=round(duration_s, 1),
        sbom=msgspec.json.decode(content),
    )


def _read(client: DockerClient, tag: str, architecture: str) -> bytes:
    """The list of packages inside an image, without running anything in it."""
    container = client.containers.create(tag, platform=f"linux/{architecture}")
    try:
        stream, _ = container.get_archive("/" + SBOM)
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            member = archive.extractfile(archive.getmembers()[0])
            assert member is not None
            return member.read()
    finally:
        container.remove()


def source_digest(recipe: Recipe, root: Path) -> str:
    """SHA-256 over the files that decide an image's contents."""
    total = hashlib.sha256()
    for path in sorted({path for pattern in recipe.sources for path in root.glob(pattern)}):
        total.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def state(client: DockerClient, name: str, architecture: str, root: Path) -> str:
    """An image's short ID. Raises KitError if it is missing or stale: built from sources that have changed since."""
    from docker.errors import ImageNotFound

    tag = tag_of(name, architecture, engine.native(client))
    try:
        image = client.images.get(tag)
    except ImageNotFound as error:
        raise KitError(f"no image {tag}", f"kit build {name}") from error
    if image.labels.get(LABEL, "") != source_digest(RECIPES[name], root):
        raise KitError(f"image {tag} is stale: its sources have changed", f"kit build {name}")
    return f"{tag} {image.short_id}"


def set_env(path: Path, values: dict[str, str]) -> None:
    """Set variables in the file that Compose reads, keeping its other lines."""
    old = path.read_text().splitlines() if path.is_file() else []
    kept = [line for line in old if line.partition("=")[0].strip() not in values]
    store.write(path, "\n".join([*kept, *(f"{name}={value}" for name, value in values.items()), ""]).encode())


def owner(root: Path) -> Iterator[tuple[str, str]]:
    """KIT_UID and KIT_GID of the calling user, even through sudo; for root itself, those of the checkout's owner."""
    folder = root.stat()
    yield "KIT_UID", os.environ.get("SUDO_UID", str(os.getuid() or folder.st_uid))
    yield "KIT_GID", os.environ.get("SUDO_GID", str(os.getgid() or folder.st_gid))
