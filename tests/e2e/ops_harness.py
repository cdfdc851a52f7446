"""Calls the kernels of kit/stages/tensorflow/ops, built with sanitizers, on what stdin describes: for `test_ops_fuzz.py`.

    LD_PRELOAD=libasan.so python ops_harness.py kernels.so SYMBOL

Each line of stdin is one call, [seed, kernel, sizes...]; each line of stdout "ok", or how far the result is from float64's.
Arrays come from malloc, so that the sanitizer has its guards around each of them.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any

import numpy as np

_NAMES = (
    *("product", "moments", "norm", "norm_gradient"),
    *("depthwise", "depthwise_gradient", "scale", "scale_gradient", "patches"),
)
_NEAR = 1e-4
_C = ctypes.CDLL(None)
_C.malloc.restype, _C.malloc.argtypes, _C.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]


class Array:
    """float32 in memory of its own, exactly as large."""

    def __init__(self, values: Any) -> None:
        values = np.ascontiguousarray(values, np.float32)
        self.shape, self.count = values.shape, values.size
        self.pointer = ctypes.c_void_p(_C.malloc(4 * self.count))
        ctypes.memmove(self.pointer, values.tobytes(), 4 * self.count)

    def values(self) -> Any:
        return np.frombuffer(ctypes.string_at(self.pointer, 4 * self.count), np.float32).reshape(self.shape).astype(float)

    def __del__(self) -> None:
        _C.free(self.pointer)


class Kernels:
    """The table of kernels.h."""

    def __init__(self, path: str, symbol: str) -> None:
        library = ctypes.CDLL(path)
        table = (ctypes.c_void_p * (1 + len(_NAMES))).in_dll(library, symbol)
        self._own = {name: ctypes.CFUNCTYPE(ctypes.c_int)(pointer) for name, pointer in zip(_NAMES, table[1:], strict=True)}

    def __call__(self, name: str, *arguments: Any) -> None:
        given = [a.pointer if isinstance(a, Array) else ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
        assert self._own[name](*given) == 0


def longs(*values: int) -> Any:
    return ctypes.byref((ctypes.c_long * len(values))(*values))


class Norm(ctypes.Structure):
    _fields_ = [*((n, ctypes.c_void_p) for n in ("mean", "variance", "gamma", "beta")), ("epsilon", ctypes.c_float)]


def near(own: Array, expected: Any) -> None:
    difference = np.abs(own.values() - expected).max(initial=0)
    assert difference <= _NEAR * max(1.0, np.abs(expected).max(initial=0)), difference


def product(kernels: Kernels, random: Any, rows: int, columns: int, depth: int, turn: int) -> None:
    a, b, c = (Array(random.normal(size=shape)) for shape in ((rows, depth), (depth, columns), (rows, columns)))
    expected = a.values() @ b.values()
    if turn == 1:
        a = Array(a.values().T)
    if turn == 2:
        b = Array(b.values().T)
    a_strides, b_strides = ((1, rows) if turn == 1 else (depth, 1)), ((1, depth) if turn == 2 else (columns, 1))
    kernels("product", longs(rows, columns, depth, *a_strides, *b_strides), a, b, c)
    near(c, expected)


def _slopes(kind: int, z: Any) -> tuple[Any, Any]:
    """The activation at z and its derivative."""
    sigmoid = 1 / (1 + np.exp(-z))
    gate, inside = np.clip(z + 3, 0, 6) / 6, (abs(z) < 3) / 6
    known = [
        (z, np.ones_like(z)),
        (np.maximum(z, 0), z > 0),
        (np.clip(z, 0, 6), (z > 0) & (z < 6)),
        (z * gate, gate + z * inside),
        (z * sigmoid, sigmoid + z * sigmoid * (1 - sigmoid)),
    ]
    return known[kind]


def norm(kernels: Kernels, random: Any, rows: int, channels: int, kind: int, place: int) -> None:
    x, dy = (Array(random.normal(size=(rows, channels))) for _ in range(2))
    mean, variance, dgamma, dbeta = (Array(np.zeros(channels)) for _ in range(4))
    gamma, beta = (Array(random.normal(size=channels)) for _ in range(2))
    kernels("moments", x, rows, channels, mean, variance)
    near(mean, x.values().mean(0))
    near(variance, x.values().var(0))
    epsilon = 0.5
    inverse = 1 / np.sqrt(variance.values() + epsilon)
    normal = (x.values() - mean.values()) * inverse
    z = normal * gamma.values() + beta.values()
    safe = np.minimum(abs(z), np.minimum(abs(z - 6), abs(abs(z) - 3))) > 1e-4  # of kinks
    dy = Array(dy.values() * safe)
    value, slope = _slopes(kind, z)
    own = Norm(mean.pointer, variance.pointer, gamma.pointer, beta.pointer, epsilon)
    y, residual = Array(np.zeros_like(z)), Array(random.normal(size=z.shape)) if place else None
    kernels("norm", ctypes.byref(own), ctypes.c_int(kind), x, residual, rows, channels, y)
    near(y, value + (residual.values() if residual else 0))
    g = dy.values() * slope
    dx = dy if place else Array(np.zeros_like(z))
    kernels("norm_gradient", ctypes.byref(own), ctypes.c_int(kind), dy, x, rows, channels, dx, dgamma, dbeta)
    near(dbeta, g.sum(0))
    near(dgamma, (g * normal).sum(0))
    near(dx, gamma.values() * inverse * (g - (g.sum(0) + normal * (g * normal).sum(0)) / rows))


def window(kernels: Kernels, random: Any, *sizes: int) -> None:
    """[images, height, width, channels, out_height, out_width, kernel_height, kernel_width, strides, top, left]"""
    n, h, w, c, oh, ow, kh, kw, sh, sw, top, left = sizes
    x, k = Array(random.normal(size=(n, h, w, c))), Array(random.normal(size=(kh, kw, c)))
    dy, y, dx, dw = (Array(random.normal(size=shape)) for shape in ((n, oh, ow, c), (n, oh, ow, c), x.shape, k.shape))
    patches = Array(np.ones((n, oh, ow, kh, kw, c)))
    padded = np.zeros((n, h + top + oh * sh + kh, w + left + ow * sw + kw, c))
    padded[:, top : top + h, left : left + w] = x.values()
    back, out, kernel, found = np.zeros_like(padded), np.zeros(y.shape), np.zeros(k.shape), np.zeros(patches.shape)
    for i in range(kh):
        for j in range(kw):
            own = (slice(None), slice(i, i + oh * sh, sh), slice(j, j + ow * sw, sw))
            found[:, :, :, i, j] = padded[own]
            out += padded[own] * k.values()[i, j]
            kernel[i, j] = (padded[own] * dy.values()).sum((0, 1, 2))
            back[own] += dy.values() * k.values()[i, j]
    own_window = longs(*sizes)
    kernels("depthwise", own_window, x, k, y)
    near(y, out)
    kernels("depthwise_gradient", own_window, x, k, dy, dx, dw)
    near(dx, back[:, top : top + h, left : left + w])
    near(dw, kernel)
    kernels("patches", own_window, x, patches)
    near(patches, found)


def scale(kernels: Kernels, random: Any, images: int, pixels: int, channels: int, place: int) -> None:
    x, dy, y = (Array(random.normal(size=(images, pixels, channels))) for _ in range(3))
    s, ds = (Array(random.normal(size=(images, 1, channels))) for _ in range(2))
    kernels("scale", x, s, images, pixels, channels, y)
    near(y, x.values() * s.values())
    expected = dy.values() * s.values(), (dy.values() * x.values()).sum(1, keepdims=True)
    dx = dy if place else y
    kernels("scale_gradient", dy, x, s, images, pixels, channels, dx, ds)
    near(dx, expected[0])
    near(ds, expected[1])


def main() -> None:
    kernels = Kernels(sys.argv[1], sys.argv[2])
    known = {"product": product, "norm": norm, "window": window, "scale": scale}
    for line in sys.stdin:
        seed, name, *sizes = json.loads(line)
        try:
            known[name](kernels, np.random.default_rng(seed), *sizes)
            print("ok", flush=True)
        except AssertionError as error:
            print(f"{line.strip()}: {error}", flush=True)


if __name__ == "__main__":
    main()
