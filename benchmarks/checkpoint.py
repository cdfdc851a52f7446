"""What keeping an epoch costs: the time of a checkpoint against the time of an epoch, and the memory of the process.

    python benchmarks/checkpoint.py                       # all architectures, 5 checkpoints each
    python benchmarks/checkpoint.py mobilenet_v2 --images 45000

Each architecture has a process of its own that trains with one thread, as `kit train` does, on random images: one warm-up
epoch and one timed epoch through `fit` itself, with its checkpoint, and then the same checkpoint again and again.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import machine, spread


def main() -> None:
    from kit.study.architectures import ARCHITECTURES

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("architectures", nargs="*", default=list(ARCHITECTURES))
    parser.add_argument("--images", type=int, default=1920, help="of the timed epoch; scaled to 45,000 in the table")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.architectures[0], arguments.images, arguments.repeats)
        return
    print(f"{machine()}; n = {arguments.repeats} checkpoints: median (minimum–maximum); an epoch has 45,000 images")
    print(f"{'':32}{'checkpoint, s':>20}{'MB':>8}{'epoch, s':>12}{'share':>8}{'peak RSS, MB':>14}")
    for name in arguments.architectures:
        command = [sys.executable, __file__, name, "--serve", "--images", str(arguments.images)]
        done = subprocess.run([*command, "--repeats", str(arguments.repeats)], capture_output=True, text=True, check=True)
        print(done.stdout, end="", flush=True)


def serve(name: str, images: int, repeats: int) -> None:
    import numpy as np

    from kit.datasets.splits import Split
    from kit.stages.tensorflow import backend, loop, models
    from kit.stages.tensorflow.loop import Plan
    from kit.study import architectures

    backend.configure(threads=1)
    known, random = architectures.get(name), np.random.default_rng(0)
    data = Split(random.integers(0, 256, (images, 32, 32, 3), np.uint8), random.integers(0, 10, images).astype(np.uint8))
    plan = Plan(2, 64, 1e-3, 0.0, 0.9, 1, known.input_scale, known.input_offset, select_best=True, patience_epochs=9)
    saved: list[tuple[float, tuple[object, ...]]] = []
    own = loop._save

    def timed(*kept: object) -> None:
        began = time.perf_counter()
        own(*kept)  # type: ignore[arg-type]
        saved.append((time.perf_counter() - began, kept))

    loop._save = timed  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "checkpoint"
        ends: list[float] = []
        loop.fit(
            models.build(name, seed=1), data, data[:64], plan, checkpoint, "", lambda *_: None,
            lambda: ends.append(time.perf_counter()) or {},
        )  # fmt: skip
        epoch_s = (ends[1] - ends[0] - saved[0][0]) * 45_000 / images
        for _ in range(repeats - len(saved)):
            timed(*saved[-1][1])
        megabytes = checkpoint.stat().st_size / 1e6
    seconds = [each for each, _ in saved]
    share = statistics.median(seconds) / epoch_s
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"{name:32}{spread(seconds, 2):>20}{megabytes:>8.0f}{epoch_s:>12.0f}{share:>8.2%}{peak:>14,.0f}")


if __name__ == "__main__":
    main()
