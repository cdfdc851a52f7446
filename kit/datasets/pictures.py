"""One picture of the user's, from a file that nobody vouches for to the pixels that a network sees."""

from __future__ import annotations

import stat
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_FORMATS = ("PNG", "JPEG", "WEBP")
MOST_PIXELS = 100_000_000  # of a picture: more is a decompression bomb, or needs gigabytes
_GREY = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F")


class Picture(NamedTuple):
    """`pixels`: uint8, height x width x 3, RGB. `width` and `height` are those of the file, in pixels."""

    pixels: NDArray[np.uint8]
    width: int
    height: int
    is_grey: bool


def read(path: Path, width: int, height: int = 0) -> Picture:
    """A PNG, JPEG or WebP file, upright as its EXIF orientation says, resized to `width` x `height` whatever its shape was;
    without a `height` to a square.

    Raises ValueError with the reason if it can't be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError("it is no ordinary file")
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=_FORMATS) as image:
            return _decoded(image, (width, height or width))
    except MemoryError as error:
        raise ValueError("there is too little memory for it") from error
    except Exception as error:  # a hostile picture makes Pillow raise anything
        raise ValueError(_reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return "it has too many pixels"
    if isinstance(error, UnidentifiedImageError):
        return "it is not PNG, JPEG or WebP"
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]


def _decoded(image: Image.Image, size: tuple[int, int]) -> Picture:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise ValueError(f"{width} x {height} pixels are too many")
    is_grey = image.mode in _GREY
    image.draft(None, (2 * size[0], 2 * size[1]))  # a large JPEG is decoded at a fraction of its size
    return Picture(np.asarray(resized(_upright(image), size)), width, height, is_grey)


def _upright(image: Image.Image) -> Image.Image:
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):  # 16 bits of grey: converting them directly would cut off all above 255
        return Image.fromarray((np.asarray(upright).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    return upright


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """In RGB, and stretched to `size`, width and height."""
    return image.convert("RGB").resize(size, Image.Resampling.BILINEAR)


def grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB pixels (height, width, 3) in shades of grey (height, width, 1)."""
    return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
