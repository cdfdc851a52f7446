"""What stage `audit` records: how far each operator of an int8 file is from float32, and what float ones give back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from msgspec import Struct

_KERNEL = re.compile(r"(Conv2D|depthwise|MatMul)\d*$")  # the converter numbers what it splits


class Layer(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One operator of an int8 file. Errors are RMS errors over the RMS of the float values, over the calibration images.

    `own_error` is its own: float32 gets the same int8 input. `accumulated_error` is that of all operators up to this one.
    `weights_error` is that of its int8 weights, where it has some. `step` is what one integer step of its output means.
    `inputs` are the places of the operators that write what it reads.
    """

    name: str
    operator: str
    own_error: float
    accumulated_error: float
    step: float
    inputs: tuple[int, ...]
    weights_error: float | None = None

    @property
    def label(self) -> str:
        """The part of the network that it is, without those that are fused into it: `block2a_expand_conv`."""
        parts = self.name.split(";")
        own = next((part for part in parts if _KERNEL.search(part)), parts[0]).split("/")
        return "/".join(own[1:-1]) or own[-1]


class Trial(Struct, frozen=True):
    """The network with the layers at these places in float, on all test images. `in_float` has those that are, which may be
    more; `top1_correct` is the expectation of an even draw among tied classes.
    """

    layers: tuple[int, ...]
    in_float: tuple[int, ...]
    size_bytes: int
    n: int
    top1_correct: float

    @property
    def top1(self) -> float:
        return self.top1_correct / self.n


class AuditValues(Struct, frozen=True):
    """`layers` in the order in which they run. `worst` has trials without the worst 1, 2, 4 … layers in int8, as the preset
    says; `sections` trials without one part of the network each. `int8` is the cell's file, `float32` has nothing in int8.
    """

    calibration_images: int
    layers: tuple[Layer, ...]
    int8: Trial
    worst: tuple[Trial, ...]
    sections: tuple[Trial, ...]
    float32: Trial


def added_error(layers: tuple[Layer, ...], place: int) -> float:
    """By how much the error up to here grows at an operator, from the largest among what it reads."""
    layer = layers[place]
    return layer.accumulated_error - max((layers[index].accumulated_error for index in layer.inputs), default=0.0)


def ranked(layers: tuple[Layer, ...]) -> list[int]:
    """The places of all operators, the one that adds the largest error first."""
    return sorted(range(len(layers)), key=lambda place: -added_error(layers, place))


def with_inputs(layers: tuple[Layer, ...], places: Iterable[int]) -> tuple[int, ...]:
    """The places, and those of the operators that write what they read: only then do they read float values.

    A float operator between int8 ones still reads integers, and its result is rounded for the next one.
    """
    return tuple(sorted({index for place in places for index in (place, *layers[place].inputs)}))


def sections(layers: tuple[Layer, ...], count: int) -> list[range]:
    """The network cut into at most `count` parts of about as many operators each."""
    bounds = [round(index * len(layers) / count) for index in range(count + 1)]
    return [range(start, end) for start, end in pairwise(bounds) if start < end]
