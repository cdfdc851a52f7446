"""Whether the size of a core's first data cache changes the bytes of int8 files, on one machine.

    python benchmarks/caches.py                                             # all networks, untrained, 10 random images
    python benchmarks/caches.py runs/paper mobilenet_v2@1/s00/int8 [DATA]   # trained weights, beside what the record says

The converter calibrates with TFLite's built-in kernels, which leave float32 products to Eigen. Eigen asks the processor for
the sizes of its caches, keeps them, and cuts long sums by that of the first. Here another size is written over the one that
it keeps, in this process's memory. Each line has the beginning of the file's SHA-256 for each size. For Linux on x86-64.
"""

from __future__ import annotations

import hashlib
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine

from kit.datasets import prepare
from kit.runs.artifacts import MODEL, WEIGHTS
from kit.runs.environment import l1d_cache_bytes
from kit.runs.run import open_run
from kit.stages import convert
from kit.stages.tensorflow import backend, models
from kit.stages.tensorflow.tflite import to_tflite
from kit.study.architectures import ARCHITECTURES
from kit.workflow.graph import select

SIZES = (32 * 1024, 48 * 1024)  # bytes: family 25 and 26 of AMD
MEMORY = Path("/proc/self/mem")
L2 = Path("/sys/devices/system/cpu/cpu0/cache/index2/size")


def main() -> None:
    own = l1d_cache_bytes()
    print(f"{machine()}, first data cache of {own // 1024} KiB; TensorFlow's 1 thread")
    print(f"{'':36}{'float32':18}" + "".join(f"int8, {size // 1024} KiB{'':6}" for size in SIZES))
    if len(sys.argv) > 2:
        trained(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3] if len(sys.argv) > 3 else "data"))
        return
    backend.configure(threads=1)
    for name in ARCHITECTURES:
        images = np.random.default_rng(0).uniform(-1, 1, (10, 32, 32, 3)).astype(np.float32)
        line(name, models.build(name, seed=1), images)


def trained(folder: Path, name: str, data: Path) -> None:
    """The cell's file, from the weights in the run; and the digest in its record, made there or elsewhere."""
    run = open_run(folder)
    (cell,) = select(run.preset, [name])
    wanted, images = run.preset.quantization, prepare.load(data, run.preset.dataset)
    chosen = images.calibration(wanted.calibration_images, run.preset.training.validation_images, wanted.calibration_order)
    backend.configure(run.preset.threads)
    model = models.of(run, cell)
    models.load_weights(model, run.path(cell.variant, WEIGHTS))
    line(cell.name, model, convert.scaled(chosen, run.preset.architecture(cell.architecture)))
    if record := run.record("convert", cell):
        sha256 = record.outputs[run.relative(run.path(cell, MODEL))]
        print(f"its record, {record.environment['processor']}: {sha256[:16]}")


def line(name: str, model: Any, images: np.ndarray[Any, Any]) -> None:
    found = [digest(to_tflite(model, "float32"))]
    to_tflite(model, "int8", images)  # only now has Eigen asked for the sizes
    places = list(kept_sizes())
    if not places:
        sys.exit("nowhere does Eigen keep the sizes of this processor's caches")
    for size in SIZES:
        write(places, size)
        found.append(digest(to_tflite(model, "int8", images)))
    write(places, l1d_cache_bytes())
    print(f"{name:36}" + "  ".join(found), flush=True)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def kept_sizes() -> Iterator[int]:
    """Addresses of this processor's two sizes, one after the other, in the data of TensorFlow's libraries."""
    wanted = struct.pack("<qq", l1d_cache_bytes(), int(L2.read_text().strip().removesuffix("K")) * 1024)
    library = ""
    with MEMORY.open("rb", buffering=0) as memory:
        for entry in Path("/proc/self/maps").read_text().splitlines():
            place, rights, _, _, _, *names = entry.split()
            library = names[0] if names else library  # what has no name holds what was zero at first
            if "w" not in rights or not ("tensorflow" in library and ".so" in library):
                continue
            start, end = (int(address, 16) for address in place.split("-"))
            if end - start < 2**28:
                memory.seek(start)
                content = memory.read(end - start)
                at = content.find(wanted)
                while at >= 0:
                    yield start + at
                    at = content.find(wanted, at + 8)


def write(places: list[int], l1_bytes: int) -> None:
    with MEMORY.open("r+b", buffering=0) as memory:
        for place in places:
            memory.seek(place)
            memory.write(struct.pack("<q", l1_bytes))


if __name__ == "__main__":
    main()
