"""What a model takes, and what it is given: the sizes of its inputs, and made-up values of their types."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from network import Unusable, shown_shape

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from network import Array, Interpreter, Tensor

INDICES = ("int16", "int32", "int64", "uint16", "uint32", "uint64")  # integers that usually choose a row of a table
_INDICES_BELOW = 100
_RANGES = {"uint8": (0, 255), "int8": (-128, 127), "bool": (0, 1)}
_BATCHED = 4  # an input of so many dimensions is a batch of images


class Input(TypedDict):
    """One input as it was measured; `filled` says with what."""

    name: str
    shape: list[int]
    dtype: str
    filled: str


class Wanted(NamedTuple):
    """A size that the user asked for; `name` is empty if the model has one input only."""

    name: str
    shape: tuple[int, ...]


def wanted(text: str) -> Wanted:
    """`1,224,224,3` or `NAME=1,224,224,3`. Raises Unusable for anything else."""
    name, _, sizes = text.rpartition("=")
    parts = sizes.split(",")
    if not all(part.strip().isascii() and part.strip().isdigit() and 0 < int(part) < 1 << 31 for part in parts):
        raise Unusable(
            f"--shape {text} is no size: write it like 1,224,224,3, or NAME=1,224,224,3 for one of several inputs"
        )
    return Wanted(name, tuple(int(part) for part in parts))


def resize(interpreter: Interpreter, model: Path, shapes: Sequence[str]) -> None:
    """Give each input that needs it one size: that of `shapes`, or a batch of one where the batch is open.

    Raises Unusable where nobody said at what size to measure: another size is another latency.
    """
    inputs = interpreter.get_input_details()
    asked = _assigned(inputs, model, [wanted(text) for text in shapes])
    for source in inputs:
        declared = [int(size) for size in source["shape_signature"]]
        size = asked.get(source["index"])
        if size is None:
            _decided(declared, model, source["name"] if len(inputs) > 1 else "")
            size = (1, *declared[1:]) if declared and declared[0] < 0 else tuple(declared)
        elif len(size) != len(declared):
            raise Unusable(f"{model} takes {shown_shape(declared)}: --shape needs {len(declared)} numbers")
        elif not _is_open(declared, size):
            raise Unusable(
                f"{model} takes {shown_shape(declared)}, not {shown_shape(size)}: --shape is for sizes that are open"
            )
        if list(size) != [int(one) for one in source["shape"]]:
            interpreter.resize_tensor_input(source["index"], list(size))


def _assigned(inputs: Sequence[Tensor], model: Path, shapes: Sequence[Wanted]) -> dict[int, tuple[int, ...]]:
    names = [source["name"] for source in inputs]
    for one in shapes:
        if one.name not in (names if one.name or len(names) != 1 else ["", *names]):
            wrong = f"no input {one.name}" if one.name else f"{len(names)} inputs"
            example = f"--shape {names[0]}=1,2,3" if names else "leave --shape out"
            raise Unusable(f"{model} has {wrong}: its inputs are {', '.join(names) or 'none'}; {example}")
    return {inputs[names.index(one.name) if one.name else 0]["index"]: one.shape for one in shapes}


def _is_open(declared: Sequence[int], size: Sequence[int]) -> bool:
    """Whether the file leaves it to the user to choose `size`; a batch of several images may always be another one."""
    first = 1 if _is_batch(declared) else 0
    return all(own in (-1, one) for own, one in zip(declared[first:], size[first:], strict=True))


def _is_batch(declared: Sequence[int]) -> bool:
    return len(declared) == _BATCHED and declared[0] > 1


def _decided(declared: Sequence[int], model: Path, name: str) -> None:
    """Raises Unusable if the size of an input is a choice."""
    if min(declared[1:], default=1) < 0:
        example, wrong = (
            ",".join(str(size if size > 0 else 1 if not at else 224) for at, size in enumerate(declared)),
            "takes",
        )
    elif _is_batch(declared):
        example, wrong = ",".join(map(str, [1, *declared[1:]])), f"takes a batch of {declared[0]},"
    else:
        return
    of = f" as {name}" if name else ""
    option = f"--shape {name}={example}" if name else f"--shape {example}"
    raise Unusable(f"{model} {wrong} {shown_shape(declared)}{of}: choose the size to measure, such as {option}")


def fill(interpreter: Interpreter, model: Path, indices: bool = True) -> list[Input]:
    """Set every input to made-up values. Wide integers are 0 to 99, or all 0 without `indices`. Raises Unusable for a type
    that cannot be made up, and for an input that does not fit into memory."""
    import numpy as np

    found: list[Input] = []
    for source in interpreter.get_input_details():
        shape, dtype = [int(size) for size in source["shape"]], np.dtype(source["dtype"])
        size_bytes = math.prod(shape) * max(dtype.itemsize, 1)
        if size_bytes > os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"):
            raise Unusable(f"{model}: its input of {shown_shape(shape)} needs {size_bytes:,} bytes of memory")
        values, how = _made_up(shape, dtype, indices)
        if values is None:
            raise Unusable(f"{model}: its input {source['name']} is of type {dtype.name}, which cannot be made up")
        interpreter.set_tensor(source["index"], values)
        found.append({"name": source["name"], "shape": shape, "dtype": dtype.name, "filled": how})
    return found


def _made_up(shape: Sequence[int], dtype: np.dtype[np.generic], indices: bool) -> tuple[Array | None, str]:
    import numpy as np

    if dtype.kind == "S":
        return np.full(shape, b"0", np.bytes_), "the text 0"
    if dtype.kind == "c":
        return np.zeros(shape, dtype), "0"
    if dtype.kind not in "fiub":
        return None, ""
    if dtype.name in INDICES and not indices:
        return np.zeros(shape, dtype), "0, because it refuses larger ones"
    low, high = _RANGES.get(dtype.name, (-0.5, 0.5) if dtype.kind == "f" else (0, _INDICES_BELOW - 1))
    return random_input(shape, dtype.type), f"random, {low} to {high}"


def random_input(shape: Sequence[int], dtype: type[np.generic]) -> Array:
    """New uniform random numbers in each process, as TFLite's benchmark_model fills an input: floats from -0.5 to 0.5,
    8-bit integers over their whole range, wider ones from 0 to 99, truth values both."""
    import numpy as np

    generator, kind = np.random.default_rng(), np.dtype(dtype)
    if kind.kind == "f":
        return np.asarray(generator.random(shape, np.float32) - np.float32(0.5), kind)
    if kind.kind == "b" or kind.itemsize > 1:
        return np.asarray(generator.integers(2 if kind.kind == "b" else _INDICES_BELOW, size=shape), kind)
    return np.frombuffer(generator.bytes(math.prod(shape)), kind).reshape(shape)
