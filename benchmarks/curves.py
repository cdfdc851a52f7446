"""Whether training with the compiled operations learns as with TensorFlow's: the curve of the first epoch, by side.

    kit data cifar10 && python benchmarks/curves.py                # MobileNetV3 Small on real CIFAR-10
    python benchmarks/curves.py mobilenet_v2 --data ../data

All sides start from the same weights, see the same batches and compute in float32; what differs is the order of sums:
Keras' plain layers with one and with two threads and with oneDNN, the rearranged layers (`training_ops = "tensorflow"`)
and the compiled operations. The table has the mean loss of each stretch of steps, then loss and top-1 on the test images
after the epoch. The last lines say how far the compiled side is from the mean of the others, and whether that is inside the
prediction interval for one more of them (95 %, column by column).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

from machine import machine
from scipy import stats

BATCH, STRETCHES = 64, 8
SIDES = ("plain, 1 thread", "plain, 2 threads", "plain, oneDNN", "tensorflow", "compiled")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("architecture", nargs="?", default="mobilenet_v3_small")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--serve", choices=SIDES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        print(json.dumps(epoch(arguments.serve, arguments.architecture, arguments.data)))
        return
    print(f"{arguments.architecture}, seed 1, one epoch of batches of {BATCH}; {machine()}")
    found = {}
    for side in SIDES:
        command = [sys.executable, __file__, arguments.architecture, "--data", str(arguments.data), "--serve", side]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
        found[side] = json.loads(done.stdout.splitlines()[-1])
        print(f"{side:18}" + "".join(f"{value:8.4f}" for value in found[side]), flush=True)
    compiled = found.pop("compiled")
    columns = list(zip(*found.values(), strict=True))
    apart = [own - statistics.fmean(values) for own, values in zip(compiled, columns, strict=True)]
    halves = [half_width(values) for values in columns]
    print(f"{'compiled - mean':18}" + "".join(f"{value:8.4f}" for value in apart))
    print(f"{'interval, +-':18}" + "".join(f"{value:8.4f}" for value in halves))
    inside = sum(abs(value) <= half for value, half in zip(apart, halves, strict=True))
    print(f"compiled inside the interval of one more of the others in {inside} of {len(halves)} columns")


def half_width(values: Sequence[float]) -> float:
    """Half the 95 % prediction interval for one more of the same kind."""
    n = len(values)
    return float(stats.t.isf(0.025, n - 1)) * statistics.stdev(values) * math.sqrt(1 + 1 / n)


def epoch(side: str, name: str, data: Path) -> list[float]:
    """Mean loss in each stretch of the epoch, then loss and top-1 on the test images."""
    os.environ |= {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    if side == "plain, oneDNN":
        import tensorflow  # noqa: F401  reads the variables now; kit.stages.tensorflow.backend would turn oneDNN off
    import numpy as np

    from kit.datasets import prepare
    from kit.stages.tensorflow import backend, kernels, loop, models
    from kit.stages.tensorflow.backend import keras, tf
    from kit.study import architectures

    backend.configure(threads=2 if side == "plain, 2 threads" else 1)
    known = architectures.get(name)
    model = models.build(name, seed=1)
    loop._reseed_dropout(model, 1, 0)
    optimizer = keras.optimizers.legacy.RMSprop(1e-3, momentum=0.9)
    optimizer._create_all_weights(model.trainable_weights)
    plan = loop.Plan(1, BATCH, 1e-3, 1e-3, 0.9, 1, known.input_scale, known.input_offset, side)
    plain = mock.patch.object(kernels, "kernels", lambda _: nullcontext())
    with plain if side.startswith("plain") else nullcontext():
        step, measure = loop._compile(model, optimizer, plan)
    images = prepare.load(data, "cifar10")
    order = np.random.default_rng([1, 0]).permutation(len(images.train))
    losses = []
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        losses.append(float(step(tf.constant(images.train.images[batch]), tf.constant(images.train.labels[batch]))[0]))
    loss, top1 = loop._over(measure, images.test)
    return [*(float(part.mean()) for part in np.array_split(losses, STRETCHES)), loss, top1]


if __name__ == "__main__":
    main()
