"""Networks: the seven architectures as the study used them, with width 1 and no pre-trained weights, and the user's own."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from kit.errors import unknown
from kit.study.settings import Network

CLASSES = 10


class Architecture(Struct, frozen=True):
    """One network; its `parameters` are those with 10 classes, where they are published.

    `input_scale` and `input_offset` are its own `preprocess_input`: pixels (0..255) * scale + offset.

    `training_images_per_s` is a rough rate of one x86-64 core with images of 32 x 32, only for the time estimate of a dry
    run. `network` is where one of the user's own comes from.
    """

    name: str
    label: str
    application: str
    parameters: int | None
    training_images_per_s: int
    minimalistic: bool = False
    input_scale: float = 1.0
    input_offset: float = 0.0
    width: float = 1.0
    network: Network | None = None

    @property
    def is_v3(self) -> bool:
        """Whether it scales its input itself, in a way that TensorFlow 2.5 changed."""
        return self.application.startswith("MobileNetV3")


_TO_UNIT = 1 / 127.5
_SCALES = {"0..255": (1.0, 0.0), "0..1": (1 / 255, 0.0), "-1..1": (_TO_UNIT, -1.0)}
_PLAIN_RATE = 1000

ARCHITECTURES = {
    architecture.name: architecture
    for architecture in (
        Architecture("mobilenet", "MobileNet", "MobileNet", 3_239_114, 950, False, _TO_UNIT, -1.0),
        Architecture("mobilenet_v2", "MobileNetV2", "MobileNetV2", 2_270_794, 950, False, _TO_UNIT, -1.0),
        Architecture("mobilenet_v3_large", "MobileNetV3 Large", "MobileNetV3Large", 4_239_242, 1000),
        Architecture("mobilenet_v3_small", "MobileNetV3 Small", "MobileNetV3Small", 1_540_218, 3200),
        Architecture("efficientnet_b0", "EfficientNet-B0", "EfficientNetB0", 4_062_381, 700),
        Architecture(
            "mobilenet_v3_large_minimalistic",
            "MobileNetV3 Large minimalistic",
            "MobileNetV3Large",
            2_680_498,
            1300,
            True,
        ),
        Architecture(
            "mobilenet_v3_small_minimalistic",
            "MobileNetV3 Small minimalistic",
            "MobileNetV3Small",
            1_042_098,
            4100,
            True,
        ),
    )
}


def get(name: str, own: Mapping[str, Network] | None = None) -> Architecture:
    """The architecture called `name`, of the kit's or of a preset's `own`. An unknown name raises KitError with the nearest
    known one."""
    network = (own or {}).get(name)
    if network is not None:
        scale, offset = _SCALES[network.input]
        return Architecture(
            name,
            name,
            network.application,
            None,
            _PLAIN_RATE,
            input_scale=scale,
            input_offset=offset,
            width=network.width,
            network=network,
        )
    if name not in ARCHITECTURES:
        raise unknown("architecture", name, [*ARCHITECTURES, *(own or {})])
    return ARCHITECTURES[name]


def label(name: str) -> str:
    """What it is called in running text: a network of the user's own by its name."""
    return ARCHITECTURES[name].label if name in ARCHITECTURES else name
