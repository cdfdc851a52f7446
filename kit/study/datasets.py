"""Data sets, those that the kit knows and the user's own: what identifies each, whatever container its images came in."""

from __future__ import annotations

import re
from pathlib import PurePath

from msgspec import Struct

from kit.errors import KitError, unknown

MOST_CLASSES = 1_000


class Dataset(Struct, frozen=True):
    """A labelled image data set. The content digests (see `kit.datasets.splits.content_digest`) decide its identity.

    Its images are RGB, `image_size` pixels wide and high.
    """

    name: str
    label: str
    classes: tuple[str, ...]
    train_images: int
    test_images: int
    train_digest: str
    test_digest: str
    source: str
    image_size: int = 32

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (self.image_size, self.image_size, 3)


class Found(Struct, frozen=True, forbid_unknown_fields=True):
    """What a user's pictures turned out to be once they were read. A run keeps it, and then needs no pictures to tell."""

    classes: tuple[str, ...]
    train_images: int
    test_images: int
    train_digest: str
    test_digest: str


class OwnDataset(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A data set of the user's own: a `folder` of pictures, or `arrays` in an .npz file.

    Pictures are resized to `image_size` pixels. Where they aren't divided into training and test pictures already,
    `test_share` of each class, drawn by `split_seed`, is for testing. The kit adds what it `found`.
    """

    folder: str = ""
    arrays: str = ""
    image_size: int = 64
    test_share: float = 0.2
    split_seed: int = 1
    found: Found | None = None

    @property
    def source(self) -> str:
        """The path as it was given."""
        return self.folder or self.arrays

    @property
    def command(self) -> str:
        """What reads the pictures: with its name alone if its other settings are the defaults."""
        if (self.test_share, self.split_seed) != (0.2, 1):
            return "kit data PRESET.toml"
        return f"kit data {self.source}" + (f" --image-size {self.image_size}" if self.image_size != 64 else "")

    @property
    def name(self) -> str:
        """What it is called: the name of its folder or file, as far as that can name a file anywhere."""
        path = PurePath(self.source)
        return re.sub(r"[^A-Za-z0-9._+-]+", "-", path.name if self.folder else path.stem).strip("-.") or "pictures"


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            "cifar10",
            "CIFAR-10",
            ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
            50_000,
            10_000,
            "55a61f79a40ece2ceda9fb5f9f7078f6ea2fc4952489cef56682bcf92cfcc260",
            "325704b01eb92e1e2a6215ae6a916bb7db7de054af0c496be1c7be2e0fcfbf5f",
            "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        ),
        Dataset(
            "digits",
            "scikit-learn digits, enlarged to 32x32x3",
            tuple("0123456789"),
            1_437,
            360,
            "084d73f1bdfa97b09b267b959733ef2c1bff8cb0e934cc283a9256516dd2413d",
            "5ef35f16050ce9f1df582eb6667540b6173552ab4db978e7657b289d8963935c",
            "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998 (in scikit-learn)",
        ),
    )
}


def get(source: str | OwnDataset) -> Dataset:
    """The data set that a preset names. Raises KitError for an unknown name, with the nearest known one, and for a user's
    pictures that were not read yet."""
    if isinstance(source, OwnDataset):
        return _own(source)
    if source not in DATASETS:
        raise unknown("data set", source, DATASETS)
    return DATASETS[source]


def name_of(source: str | OwnDataset) -> str:
    """What records call it."""
    return source if isinstance(source, str) else source.name


def _own(source: OwnDataset) -> Dataset:
    found = source.found
    if found is None:
        raise KitError(f"the pictures of {source.source} were not read yet", f"read them with `{source.command}`")
    return Dataset(
        source.name,
        source.name,
        found.classes,
        found.train_images,
        found.test_images,
        found.train_digest,
        found.test_digest,
        source.source,
        source.image_size,
    )
