"""The data sets that the kit knows: what identifies each, whatever container its images came in."""

from msgspec import Struct

from kit.errors import unknown


class Dataset(Struct, frozen=True):
    """A labelled image data set. The content digests (see `kit.pipeline.splits.content_digest`) decide its identity."""

    name: str
    label: str
    classes: tuple[str, ...]
    train_images: int
    test_images: int
    train_digest: str
    test_digest: str
    source: str


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


def dataset(name: str) -> Dataset:
    """The data set called `name`; an unknown name raises KitError with the nearest known one."""
    if name not in DATASETS:
        raise unknown("data set", name, DATASETS)
    return DATASETS[name]
