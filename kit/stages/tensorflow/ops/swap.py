"""What both kinds of training operations share: the form of a swap, and a swish that keeps its sigmoid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kit.stages.tensorflow.backend import tf

Tensor = Any  # tf.Tensor; TensorFlow carries no types
Call = Callable[..., Tensor]
Swaps = tuple[tuple[Any, str, Callable[[Call], Call]], ...]  # an owner, its method's name, and what to make of the method


@tf.custom_gradient
def swish(values: Tensor) -> Any:
    """x * sigmoid(x), any shape; TensorFlow's own computes the sigmoid again for the gradient."""
    sigmoid = tf.sigmoid(values)
    outputs = values * sigmoid
    return outputs, lambda delta: delta * (sigmoid + outputs * (1.0 - sigmoid))
