"""An image as one file for `docker load`: a byte-identical tar of zstd each time, with or without the layers that the other
side has."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kit import causes, process, store
from kit.errors import KitError


class Packed(Struct, frozen=True):
    """A file for `docker load`. `layers` are the diff IDs of the image, `kept` how many of them are left out."""

    path: Path
    digest: str
    size_bytes: int
    layers: tuple[str, ...]
    kept: int


class Identity(Struct, frozen=True):
    """What decides whether two images are the same, whatever store they lie in: their layers and their configuration."""

    id: str
    layers: tuple[str, ...]
    config: dict[str, Any]

    def same(self, other: Identity) -> bool:
        """An ID is of the configuration in one kind of store and of the manifest in another, so it may differ."""
        return self.id == other.id or (self.layers == other.layers and self.config == other.config)


FORMAT = "[{{json .Id}},{{json .RootFS.Layers}},{{json .Config}}]"
_COMPARED = ("Env", "Entrypoint", "Cmd", "User", "WorkingDir", "Labels")


def identity(said: str) -> Identity | None:
    """Parse the output of `docker image inspect --format FORMAT`; None if it describes no image."""
    try:
        id_, layers, config = msgspec.json.decode(said, type=tuple[str, tuple[str, ...], dict[str, Any]])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return Identity(id_, layers, {name: config.get(name) for name in _COMPARED})


def local(tag: str) -> Identity:
    """The image on this machine. Raises KitError if it is not there."""
    done = process.run(["docker", "image", "inspect", "--format", FORMAT, tag])
    found = identity(done.stdout)
    if found is None:
        if "No such image" in done.stderr:
            raise KitError(f"there is no image {tag} on this machine", "kit build pi")
        wrong, remedy = causes.engine(done.stderr, here=True) or ("the Docker engine gives no image", "docker version")
        raise KitError(f"{wrong} ({done.reason})", remedy)
    return found


def save(tag: str, folder: Path) -> Path:
    """The whole image as the engine saves it."""
    path = folder / "image.tar"
    done = process.run(["docker", "save", "--output", path, tag])
    if done.code:
        _, remedy = causes.engine(done.stderr, here=True) or ("", "free up space, or build it again: kit build pi")
        raise KitError(f"{tag} cannot be saved ({done.reason})", remedy)
    return path


def pack(saved: Path, kept: int, folder: Path) -> Packed:
    """Pack what `save` wrote, without its first `kept` layers: a layer's identity depends on all those below it."""
    try:
        import zstandard
    except ImportError as error:
        raise KitError("zstandard is not installed", "pip install 'mobile-cnn-kit[docker]'") from error
    path = folder / f"image-{kept}.tar.zst"
    with tarfile.open(saved) as source, path.open("wb") as sink:
        manifest = msgspec.json.decode(_read(source, "manifest.json"))[0]
        layers = msgspec.json.decode(_read(source, manifest["Config"]))["rootfs"]["diff_ids"]
        left_out = set(manifest["Layers"][:kept]) - set(manifest["Layers"][kept:])
        with (
            zstandard.ZstdCompressor(level=3).stream_writer(sink) as packer,
            tarfile.open(fileobj=packer, mode="w|", format=tarfile.GNU_FORMAT) as target,
        ):
            for member in sorted(source.getmembers(), key=lambda member: member.name):
                if member.name not in left_out:
                    member.mtime = 0  # byte-identical each time, so that an interrupted transfer can resume
                    target.addfile(member, source.extractfile(member) if member.isfile() else None)
    return Packed(path, store.sha256(path), path.stat().st_size, tuple(layers), kept)


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    stream = tar.extractfile(name)
    assert stream is not None, f"{name} is not a file"
    return stream.read()


def common(own: tuple[str, ...], theirs: tuple[str, ...]) -> int:
    """How many layers two images share, counted from the bottom."""
    return next((i for i, (a, b) in enumerate(zip(own, theirs, strict=False)) if a != b), min(len(own), len(theirs)))
