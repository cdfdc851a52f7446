"""The classes of pictures, by any classifier that is a .tflite file. The interpreter runs in a process of its own."""

from __future__ import annotations

import math
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec import Struct

from kit import process, store
from kit.bench.transport import WORKER
from kit.bench.values import reason
from kit.console import counted
from kit.datasets import pictures
from kit.deploy.model import Input, Model
from kit.errors import KitError

if TYPE_CHECKING:
    import numpy as np

    Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]

T = TypeVar("T")
_AT_ONCE = 64  # pictures that one process predicts
_PATIENCE_S = 900.0
_LARGEST_INPUT = 30_000_000  # numbers, of one picture
_MOST_CLASSES = 1_000_000


class Ends(Struct, frozen=True):
    """What a classifier takes and gives, as the agent describes it: `image` is height, width and channels; `step` and `zero`
    are those of integers, 0 for floats."""

    image: tuple[int, int, int]
    classes: int
    input: str
    output: str
    step: float
    zero: int


class Class(Struct, frozen=True):
    """A class of a picture. `probability` is what the network gives; some give other scores."""

    label: str
    probability: float

    def __str__(self) -> str:
        is_share = 0 <= self.probability <= 1
        return f"{self.label} {self.probability:.1%}" if is_share else f"{self.label} {self.probability:.4g}"


class Prediction(Struct, frozen=True, omit_defaults=True):
    """What a picture shows, the best class first; or why it could not be read."""

    picture: str
    classes: tuple[Class, ...] = ()
    error: str = ""


def found_in(named: Sequence[Path]) -> list[Path]:
    """The pictures that are named, and those in folders that are. Raises KitError if there is none."""
    found = [path for one in named for path in (_inside(one) if one.is_dir() else [one])]
    if not found:
        shown = ", ".join(map(str, named))
        raise KitError(f"no pictures in {shown}", f"name pictures that end with {', '.join(pictures.SUFFIXES)}")
    return found


def _inside(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.suffix.lower() in pictures.SUFFIXES)
    return sorted(path for path in found if not path.name.startswith("."))  # such as macOS leaves beside pictures


def predict(model: Model, named: Sequence[Path], interpreter: str, top: int) -> Iterator[Prediction]:
    """The `top` classes of each picture, in order. Raises KitError if the model is no classifier that can be run here."""
    ends = described(model, interpreter)
    scaling = _input(model, ends)
    labels = model.labels or tuple(f"class {index}" for index in range(ends.classes))
    if len(labels) != ends.classes:
        both = f"{counted(ends.classes, 'class', 'classes')}, but {counted(len(labels), 'label', 'labels')}"
        raise KitError(f"{model.path} has {both}", "name its own with --labels")
    for start in range(0, len(named), _AT_ONCE):
        chunk = named[start : start + _AT_ONCE]
        read = [_pixels(path, ends.image) for path in chunk]
        images = [one for one in read if not isinstance(one, str)]
        rows = iter(probabilities(model, interpreter, images, scaling) if images else ())
        for path, one in zip(chunk, read, strict=True):
            shown = os.fsencode(path).decode(errors="replace")
            yield Prediction(shown, error=one) if isinstance(one, str) else Prediction(shown, _best(next(rows), labels, top))


def _pixels(path: Path, image: tuple[int, int, int]) -> Pixels | str:
    """The picture as the network takes it, or why it cannot be read."""
    height, width, channels = image
    try:
        pixels = pictures.read(path, width, height).pixels
    except ValueError as error:
        return str(error)
    return pixels if channels == 3 else pictures.grey(pixels)


def _best(row: Floats, labels: Sequence[str], top: int) -> tuple[Class, ...]:
    import numpy as np

    order = np.argsort(-np.nan_to_num(row, nan=-np.inf), kind="stable")[:top]
    return tuple(Class(labels[index], round(float(row[index]), 6)) for index in order)


def _input(model: Model, ends: Ends) -> Input:
    """Scale and offset from pixels to what the network takes. Raises KitError if nobody knows them."""
    if ends.image[2] not in (1, 3):
        raise KitError(f"{model.path} takes images of {ends.image[2]} channels", "a picture has 3, or 1 if it is grey")
    if model.input:
        if len(model.input[0]) not in (1, ends.image[2]):
            raise KitError(
                f"{model.path} scales {len(model.input[0])} channels of {ends.image[2]}",
                "say what black and white are: --input-range -1,1",
            )
        return model.input
    if ends.input not in ("uint8", "int8"):
        raise KitError(f"{model.path} does not say what its input means", "say what black and white are: --input-range -1,1")
    black, step = (0 if ends.input == "uint8" else -128), ends.step or 1.0  # one integer step is one step of a pixel
    return (step,), ((black - ends.zero) * step,)


def described(model: Model, interpreter: str) -> Ends:
    """What the model takes and gives. Raises KitError if it is no classifier of images that can be run here."""
    ends = _decoded(_agent("describe", model, interpreter), Ends)
    if not (min(ends.image) > 0 and math.prod(ends.image) <= _LARGEST_INPUT and 0 < ends.classes <= _MOST_CLASSES):
        height, width, _ = ends.image
        classes = counted(ends.classes, "class", "classes")
        raise KitError(f"{model.path} takes {height} x {width} pixels for {classes}", "nothing like a picture")
    return ends


def probabilities(model: Model, interpreter: str, images: Sequence[Pixels], scaling: Input) -> Floats:
    """n x classes, float32, of n `images` that are as large as the network takes them. Raises KitError if that fails."""
    import numpy as np

    with tempfile.TemporaryDirectory(prefix="kit-") as scratch:
        given, found = Path(scratch, "images.npy"), Path(scratch, "probabilities.npy")
        store.write_array(given, np.stack(images) * np.asarray(scaling[0]) + np.asarray(scaling[1]))
        _agent("predict", model, interpreter, str(given), f"--output={found}")
        rows: Floats = np.load(found, allow_pickle=False)
    return rows


def _agent(command: str, model: Model, interpreter: str, *options: str) -> str:
    shapes = [f"--shape={model.shape}"] if model.shape else []
    argv: list[str | Path] = [
        sys.executable,
        WORKER / "agent.py",
        command,
        model.path,
        *options,
        f"--interpreter={interpreter}",
        *shapes,
    ]
    done = process.run(argv, timeout_s=_PATIENCE_S)
    if done.code:
        raise KitError(*_split(reason(done.code, done.stderr)))
    return done.stdout


def _split(said: str) -> tuple[str, str]:
    """What is wrong and what to do, as the agent says both."""
    wrong, _, remedy = said.rpartition(": ")
    return (wrong, remedy) if wrong else (said, "")


def _decoded(said: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(said, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise KitError(f"the interpreter's answer cannot be read ({error})", "report it, with the model") from error
