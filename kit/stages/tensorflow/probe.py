"""How fast this machine trains: a few steps of each network, in the loop that the stages use.

Run as a program it reads an `Order` as JSON, and prints images a second by architecture.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from kit.datasets.splits import Split
from kit.stages.tensorflow import backend, models
from kit.stages.tensorflow.loop import PROGRESS_STEPS, Plan, fit
from kit.study.preset import Preset


class Order(Struct, frozen=True):
    """Which networks to train, and as which preset does it."""

    preset: Preset
    architectures: tuple[str, ...]


class _Enough(Exception):  # noqa: N818 - it is no error
    pass


def images_per_s(name: str, preset: Preset) -> float:
    """Images a second of one process that trains `name` as the preset does, over PROGRESS_STEPS steps after the first."""
    training, moments = preset.training, list[float]()

    def progress(done: int, total: int, note: str = "") -> None:
        moments.append(time.monotonic())
        if len(moments) == 2:
            raise _Enough

    count = (PROGRESS_STEPS + 1) * training.batch_size
    draw = np.random.default_rng(0)
    shape, classes = preset.data.image_shape, len(preset.data.classes)
    labels = draw.integers(0, classes, count).astype(np.min_scalar_type(classes - 1))
    images = Split(draw.integers(0, 256, (count, *shape), np.uint8), labels)
    rate, momentum, ops = training.learning_rate, training.momentum, training.training_ops
    plan = Plan(1, training.batch_size, rate, 0.0, momentum, 1, 1 / 127.5, -1.0, ops)
    with suppress(_Enough):
        model = models.build(preset.architecture(name), 1, training, classes, shape)
        fit(model, images, images, plan, Path("none"), "", progress)
    return PROGRESS_STEPS * training.batch_size / (moments[1] - moments[0])


def _serve() -> None:
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    backend.configure(order.preset.threads)
    found = {name: images_per_s(name, order.preset) for name in order.architectures}
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    _serve()
