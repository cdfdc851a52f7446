"""What a layer computed, noted on its result, so that the next layer can take a part of it over.

An activation or a residual becomes part of the normalization before it, zero padding part of the convolution behind it.
TensorFlow then drops what nobody reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from kit.stages.tensorflow.backend import tf
from kit.stages.tensorflow.ops.swap import Tensor

Padding = tuple[tuple[int, int], tuple[int, int]]  # rows above and below, columns left and right
Note = TypeVar("Note")

_NOTE = "_kit_note"


@dataclass(frozen=True)
class Normalized:
    """Inputs [N,H,W,C] normalized by mean and variance, scaled and shifted, [C] each."""

    inputs: Tensor
    mean: Tensor
    variance: Tensor
    gamma: Tensor
    beta: Tensor
    epsilon: float


@dataclass(frozen=True)
class Made:
    """Made of `of` [N,H,W,C]."""

    of: Tensor


class Shifted(Made):
    """`of` + 3, on the way to a hard swish."""


class Clipped(Made):
    """relu6(`of` + 3)."""


class Gate(Made):
    """relu6(`of` + 3) / 6."""


@dataclass(frozen=True)
class Padded(Made):
    """`of` with zeros around it."""

    padding: Padding


def noted(value: Tensor, note: Normalized | Made) -> Tensor:
    setattr(value, _NOTE, note)
    return value


def note_of(value: Any, kind: type[Note]) -> Note | None:
    note = getattr(value, _NOTE, None) if tf.is_tensor(value) else None
    return note if isinstance(note, kind) else None


def is_map(value: Any) -> bool:
    """[N,H,W,C] float32 of known height, width and channels."""
    return bool(tf.is_tensor(value) and value.dtype == tf.float32 and value.shape.rank == 4 and None not in value.shape[1:])
