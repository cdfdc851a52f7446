"""`kit data` and `kit new`: what images there are, and a preset for one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kit import console
from kit.cli import options as opt
from kit.errors import KitError, unknown

if TYPE_CHECKING:
    from kit.study.datasets import OwnDataset


def data(
    name: opt.DatasetName = "cifar10",
    folder: opt.Data = opt.DATA,
    archive: opt.Archive = None,
    image_size: opt.ImageSize = None,
) -> None:
    """Get a data set, or read your own pictures; check it by content, say what is in it, and keep it prepared."""
    from kit.datasets import prepare
    from kit.study import datasets
    from kit.study.datasets import OwnDataset

    source = _dataset(name, image_size)
    path = prepare.prepare(folder, source, archive, check=True)
    if isinstance(source, OwnDataset):
        for line in prepare.looked(folder, source).lines():
            console.say(line)
        console.say(f"prepared: {path}")
        return
    loaded, label = prepare.load(folder, source), datasets.get(source).label
    console.say(f"{path}: {len(loaded.train):,} training and {len(loaded.test):,} test images of {label}")
    if loaded.official is None:
        console.say("their official order is unknown: this is not the official archive, or an earlier version prepared it")


def new(
    pictures: opt.Pictures,
    network: opt.NetworkName = "mobilenet_v2",
    output: opt.Output = None,
    image_size: opt.ImageSize = None,
    data: opt.Data = opt.DATA,
) -> None:
    """Write a preset for your own pictures and your own network, with comments; `kit reproduce --preset` then runs it."""
    from kit import store
    from kit.datasets import prepare
    from kit.study import networks, possible, template
    from kit.study.datasets import OwnDataset
    from kit.study.preset import parse

    source = _dataset(pictures, image_size)
    if not isinstance(source, OwnDataset):
        raise KitError(f"{pictures} is a data set of the kit's", "name a folder of pictures or an .npz file")
    target = output or Path(f"{source.name}.toml")
    if target.exists():
        raise KitError(f"{target} exists already", "name another with --output, or delete it")
    name, own = template.network(network)
    if own is not None:
        possible.refuse_network(name, own)
        networks.settled(name, own, None)
    prepare.prepare(data, source)
    looked = prepare.looked(data, source)
    placed = template.placed(source, target.parent)
    placed_network = template.placed_network(network, target.parent)
    text = template.preset(target.stem, str(target), placed, looked.found, looked.train, placed_network)
    parse(text, str(target), target.parent)
    store.write(target, text.encode())
    for line in looked.lines():
        console.say(line)
    console.say(f"written: {target}; then `kit reproduce --preset {target}`")


def _dataset(name: str, image_size: int | None) -> str | OwnDataset:
    """What is named: a data set of the kit's, a folder of pictures, an .npz file, or a preset's."""
    import msgspec

    from kit.study import datasets, possible
    from kit.study.datasets import OwnDataset
    from kit.study.preset import from_here, load

    path = Path(name)
    if image_size is not None and (name.endswith(".toml") or name in datasets.DATASETS):
        raise KitError(f"the images of {name} have a size already", "leave --image-size out: it is for your own pictures")
    if name.endswith(".toml"):
        return load(name).dataset
    if name in datasets.DATASETS or not (path.suffix == ".npz" or path.is_dir() or "/" in name):
        if name not in datasets.DATASETS:
            raise unknown("folder or data set", name, datasets.DATASETS)
        return name
    place = from_here(name, Path())
    is_file = path.suffix == ".npz"
    own = OwnDataset("" if is_file else place, place if is_file else "")
    if image_size is not None:
        own = msgspec.structs.replace(own, image_size=image_size)
    possible.refuse_own(own)
    return own
