"""The seven architectures, as the study used them: 32x32x3 in, 10 classes out, width 1, no pre-trained weights."""

from msgspec import Struct

from kit.errors import unknown

IMAGE_SHAPE = (32, 32, 3)
CLASSES = 10


class Architecture(Struct, frozen=True):
    """One network. `input_scale` and `input_offset` are its own `preprocess_input`: pixels (0..255) * scale + offset.

    `training_images_per_s` is a rough rate of one x86-64 core, only for the time estimate of a dry run.
    """

    name: str
    label: str
    application: str
    parameters: int
    training_images_per_s: int
    minimalistic: bool = False
    input_scale: float = 1.0
    input_offset: float = 0.0


_TO_UNIT = 1 / 127.5

ARCHITECTURES = {
    architecture.name: architecture
    for architecture in (
        Architecture("mobilenet", "MobileNet", "MobileNet", 3_239_114, 600, False, _TO_UNIT, -1.0),
        Architecture("mobilenet_v2", "MobileNetV2", "MobileNetV2", 2_270_794, 750, False, _TO_UNIT, -1.0),
        Architecture("mobilenet_v3_large", "MobileNetV3 Large", "MobileNetV3Large", 4_239_242, 600),
        Architecture("mobilenet_v3_small", "MobileNetV3 Small", "MobileNetV3Small", 1_540_218, 1400),
        Architecture("efficientnet_b0", "EfficientNet-B0", "EfficientNetB0", 4_062_381, 500),
        Architecture(
            "mobilenet_v3_large_minimalistic",
            "MobileNetV3 Large minimalistic",
            "MobileNetV3Large",
            2_680_498,
            900,
            True,
        ),
        Architecture(
            "mobilenet_v3_small_minimalistic",
            "MobileNetV3 Small minimalistic",
            "MobileNetV3Small",
            1_042_098,
            2100,
            True,
        ),
    )
}


def architecture(name: str) -> Architecture:
    """The architecture called `name`; an unknown name raises KitError with the nearest known one."""
    if name not in ARCHITECTURES:
        raise unknown("architecture", name, ARCHITECTURES)
    return ARCHITECTURES[name]
