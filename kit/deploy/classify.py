#!/usr/bin/env python3
"""Say what pictures show: python3 classify.py PICTURE... (or a folder of pictures)

Needs numpy, Pillow and one interpreter: tflite_runtime or ai_edge_litert. model.tflite and labels.txt lie beside this file.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

try:
    from tflite_runtime.interpreter import Interpreter, OpResolverType
except ImportError:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

SCALE, OFFSET = 1.0, 0.0  # the network takes pixels (0 to 255) * SCALE + OFFSET
Image.MAX_IMAGE_PIXELS = 50_000_000  # Pillow warns of more, and refuses twice as many
sys.argv[1:] or sys.exit(__doc__)
here, failed = Path(__file__).resolve().parent, False
labels, file = (here / "labels.txt").read_text(encoding="utf-8").splitlines(), str(here / "model.tflite")
model = Interpreter(file)
try:
    model.allocate_tensors()
except RuntimeError:  # XNNPACK refuses the file
    model = Interpreter(file, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    model.allocate_tensors()
source, sink = model.get_input_details()[0], model.get_output_details()[0]
height, width = map(int, source["shape"][1:3])

for named in map(Path, sys.argv[1:]):
    inside = sorted(path for path in named.rglob("[!.]*") if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp"))
    for path in inside if named.is_dir() else [named]:
        shown = bytes(path).decode(errors="replace")
        try:
            if not path.is_file():
                raise OSError("it is no ordinary file")
            with Image.open(path, formats=("PNG", "JPEG", "WEBP")) as picture:
                picture.draft(None, (2 * width, 2 * height))  # decodes a large JPEG at a fraction of its size
                upright = ImageOps.exif_transpose(picture)
            if upright.mode.startswith("I"):  # 16 bits of grey
                upright = Image.fromarray((np.asarray(upright) >> 8).clip(0, 255).astype(np.uint8))
            pixels = np.asarray(upright.convert("RGB").resize((width, height), Image.Resampling.BILINEAR))
        except Exception as error:  # a broken picture makes Pillow raise anything
            print(f"{shown}: cannot be read: {error}", file=sys.stderr)
            failed = True
            continue
        values = (pixels * SCALE + OFFSET).astype(np.float32)
        step, zero = source["quantization"]
        if step:  # the network takes integers
            limits = np.iinfo(source["dtype"])
            values = np.clip(np.rint(values / step) + zero, limits.min, limits.max)
        model.set_tensor(source["index"], values.astype(source["dtype"])[None])
        model.invoke()
        step, zero = sink["quantization"]  # both 0 if it gives floats
        found = (model.get_tensor(sink["index"])[0].astype(np.float32) - zero) * (step or 1)
        best = np.argsort(-found, kind="stable")[:3]
        print(f"{shown}: " + ", ".join(f"{labels[index]} {found[index]:.1%}" for index in best))
sys.exit(failed)
