"""A batch of CIFAR's python layout, unpickled without trusting it.

numpy rebuilds arrays out of pickles without checking them, so that a hostile one corrupts memory: nothing of numpy is given
to a pickle, only stand-ins. It may use no opcode but those that a batch needs. In Python: the unpickler in C reserves as
much memory as a place in its memo asks for.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_BYTES = 128_000_000  # that what is unpickled may take: a batch has 31 MB
_STEP_BYTES = 64  # that an opcode may take
_NEEDED = (
    "PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 STRING BINSTRING SHORT_BINSTRING "
    "UNICODE BINUNICODE SHORT_BINUNICODE BINBYTES SHORT_BINBYTES EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST LIST "
    "APPEND APPENDS SETITEM SETITEMS GLOBAL STACK_GLOBAL REDUCE PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET"
)


def read(content: bytes) -> tuple[NDArray[np.uint8], NDArray[np.integer[Any]]]:
    """The `data`, uint8, n x 3072 as far as it is CIFAR's, and the `labels`, n integers. Raises whatever a pickle that is
    none makes Python raise."""
    loaded = _Unpickler(content).load()
    if not isinstance(loaded, _Dict) or not {b"data", b"labels"} <= loaded.keys():
        raise ValueError("it has no data and labels")
    data, labels = loaded[b"data"], loaded[b"labels"]
    if not isinstance(data, _Array):
        raise ValueError("its data is no array")
    if isinstance(labels, _Array):
        return data.numbers, labels.numbers
    if not isinstance(labels, list) or not all(type(one) is int for one in labels):
        raise ValueError("its labels are no integers")
    return data.numbers, np.array(labels)


class _Type:
    """In place of numpy.dtype."""

    def __init__(self, name: object, *how: object) -> None:
        if not isinstance(name, str | bytes) or name not in ("u1", b"u1"):
            raise pickle.UnpicklingError("it has an array of another type than uint8")

    def __setstate__(self, state: object) -> None:
        """A byte has no order, and all else is numpy's own."""


class _Array:
    """In place of numpy.ndarray."""

    numbers: NDArray[np.uint8]

    def __setstate__(self, state: tuple[object, ...]) -> None:
        _, shape, kind, is_fortran, content = state
        sizes = shape if isinstance(shape, tuple) and len(shape) <= 2 else (-1,)
        if not isinstance(kind, _Type) or not all(type(size) is int and size >= 0 for size in sizes):
            raise pickle.UnpicklingError("it has an array without a type or a size")
        if not isinstance(content, bytes) or len(content) != math.prod(sizes):
            raise pickle.UnpicklingError("it has an array that is not as large as it says")
        self.numbers = np.frombuffer(content, np.uint8).reshape(sizes, order="F" if is_fortran is True else "C")


class _Dict(dict[bytes | str, object]):
    def __setitem__(self, key: bytes | str, value: object) -> None:
        if not isinstance(key, bytes | str):  # tuples in tuples take for ever to hash
            raise pickle.UnpicklingError("it has a key that is no text")
        super().__setitem__(key, value)


def _array(*how: object) -> _Array:
    """In place of numpy's `_reconstruct`: what the array is comes later."""
    return _Array()


def _dict(unpickler: _Unpickler) -> None:
    unpickler.stack.append(_Dict())


def _dict_after_mark(unpickler: _Unpickler) -> None:
    """Every pickler fills a dictionary later."""
    if unpickler.pop_mark():
        raise pickle.UnpicklingError("it has a dictionary that is made at once")
    _dict(unpickler)


def _build(unpickler: _Unpickler) -> None:
    """BUILD sets the attributes of any object, even of a function: here only those of stand-ins, by their own method."""
    state, made = unpickler.stack.pop(), unpickler.stack[-1]
    if not isinstance(made, _Type | _Array):
        raise pickle.UnpicklingError("it changes what is no array")
    made.__setstate__(state)


def _counted(step: Callable[[Any], None]) -> Callable[[Any], None]:
    def run(unpickler: _Unpickler) -> None:
        unpickler.spend(_STEP_BYTES)
        step(unpickler)

    return run


_CODES = [getattr(pickle, name)[0] for name in _NEEDED.split()]
_OWN = {pickle.EMPTY_DICT[0]: _dict, pickle.DICT[0]: _dict_after_mark, pickle.BUILD[0]: _build}
_STAND_INS = {
    ("numpy.core.multiarray", "_reconstruct"): _array,
    ("numpy._core.multiarray", "_reconstruct"): _array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
}


class _Steps(dict[int, Callable[[Any], None]]):
    """What to do for each opcode."""

    def __missing__(self, code: int) -> Callable[[Any], None]:
        raise pickle.UnpicklingError(f"it has the opcode {chr(code)!a}, which no batch needs")


class _Unpickler(pickle._Unpickler):
    stack: list[Any]
    pop_mark: Callable[[], list[Any]]
    dispatch = _Steps(
        {code: _counted(pickle._Unpickler.dispatch[code]) for code in _CODES}
        | {code: _counted(step) for code, step in _OWN.items()}
    )

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="bytes")
        self._left = _MOST_BYTES

    def spend(self, count: int) -> None:
        """Of the bytes that may be taken: a short pickle can ask for many."""
        self._left -= count
        if self._left < 0:
            raise pickle.UnpicklingError("it is too long for a batch")

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ("_codecs", "encode"):
            return self._encoded
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"it wants to load {module}.{name}")
        return _STAND_INS[module, name]

    def _encoded(self, text: object, encoding: object) -> bytes:
        """How Python 3 pickles bytes for Python 2; any other codec is refused."""
        if not isinstance(text, str) or encoding != "latin1":
            raise pickle.UnpicklingError("it wants another codec than latin1")
        self.spend(len(text))
        return text.encode("latin1")
