#!/usr/bin/env python3
"""Say what pictures show: python3 classify.py PICTURE... (or a folder of pictures)

Needs numpy, Pillow and one interpreter: tflite_runtime or ai_edge_litert. model.tflite and labels.txt lie beside this file.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

try:
    from tflite_runtime.interpreter import Interpreter
except ImportError:
    from ai_edge_litert.interpreter import Interpreter

SCALE, OFFSET = 1.0, 0.0  # the network takes pixels (0 to 255) * SCALE + OFFSET
HERE = Path(__file__).resolve().parent
FORMATS, SUFFIXES = ("PNG", "JPEG", "WEBP"), (".png", ".jpg", ".jpeg", ".webp")
Image.MAX_IMAGE_PIXELS = 50_000_000  # Pillow warns of more, and refuses twice as many


def inside(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))


def pixels(path: Path, height: int, width: int) -> NDArray[np.uint8]:
    """An upright RGB picture, stretched to the size that the network takes."""
    if not path.is_file():
        raise OSError("it is no ordinary file")
    with Image.open(path, formats=FORMATS) as picture:
        picture.draft(None, (2 * width, 2 * height))  # decodes a large JPEG at a fraction of its size
        upright = ImageOps.exif_transpose(picture)
    if upright.mode.startswith("I"):  # 16 bits of grey
        upright = Image.fromarray((np.asarray(upright).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    return np.asarray(upright.convert("RGB").resize((width, height), Image.Resampling.BILINEAR))


def probabilities(model: Interpreter, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Of each class."""
    source, sink = model.get_input_details()[0], model.get_output_details()[0]
    (step, zero), values = source["quantization"], (image * SCALE + OFFSET).astype(np.float32)
    if step:  # the network takes integers
        limits = np.iinfo(source["dtype"])
        values = np.clip(np.rint(values / step) + zero, limits.min, limits.max)
    model.set_tensor(source["index"], values.astype(source["dtype"])[None])
    model.invoke()
    (step, zero), found = sink["quantization"], np.asarray(model.get_tensor(sink["index"])[0], np.float32)
    return ((found - zero) * step).astype(np.float32) if step else found


def main() -> None:
    if not sys.argv[1:]:
        sys.exit(__doc__)
    labels = (HERE / "labels.txt").read_text(encoding="utf-8").splitlines()
    model = Interpreter(str(HERE / "model.tflite"))
    model.allocate_tensors()
    _, height, width, _ = model.get_input_details()[0]["shape"]
    failed = False
    for path in [path for name in sys.argv[1:] for path in inside(Path(name))]:
        shown = bytes(path).decode(errors="replace")
        try:
            image = pixels(path, int(height), int(width))
        except Exception as error:  # a broken picture makes Pillow raise anything
            failed = True
            print(f"{shown}: cannot be read: {error}", file=sys.stderr)
        else:
            found = probabilities(model, image)
            best = np.argsort(-found, kind="stable")[:3]
            print(f"{shown}: " + ", ".join(f"{labels[index]} {found[index]:.1%}" for index in best))
    sys.exit(failed)


if __name__ == "__main__":
    main()
