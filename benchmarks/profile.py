"""Where a training step's time goes, and how far it is from what the core could do.

    python benchmarks/profile.py                          # the kit's step, all architectures
    python benchmarks/profile.py mobilenet --plain        # TensorFlow's own operations instead

One process, one thread, batches of 64. Times of operations are TensorFlow's own trace, summed over 10 steps after 3
warm-up steps. The limit is a 2,048 x 2,048 float32 matrix product on the same thread. Floating-point operations are
counted from the layers (two for each multiplication and addition of a convolution or dense layer) times three: forward,
and the gradients of inputs and of weights.
"""

from __future__ import annotations

import argparse
import collections
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import machine

BATCH, WARM_UP, STEPS, SHOWN = 64, 3, 10, 7


def main() -> None:
    from kit.study.architectures import ARCHITECTURES

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("architectures", nargs="*", default=list(ARCHITECTURES))
    parser.add_argument("--plain", action="store_true", help="TensorFlow's own kernels")
    arguments = parser.parse_args()
    from kit.stages.tensorflow import backend

    backend.configure(threads=1)
    limit = limit_gflops()
    print(f"{machine()}; one thread; limit {limit:.0f} GFLOP/s; n = {STEPS} steps")
    for name in arguments.architectures:
        seconds, operations, flops = profiled(name, arguments.plain)
        gflops = flops * BATCH * STEPS / seconds / 1e9
        print(f"\n{name}: {1000 * seconds / STEPS:.0f} ms a step, {gflops:.1f} GFLOP/s, {gflops / limit:.0%} of the limit")
        for kind, part in operations.most_common(SHOWN):
            print(f"    {kind:44}{1000 * part / STEPS:7.1f} ms{part / seconds:6.0%}")
        rest = seconds - sum(part for _, part in operations.most_common(SHOWN))
        print(f"    {'everything else':44}{1000 * rest / STEPS:7.1f} ms{rest / seconds:6.0%}", flush=True)


def limit_gflops(size: int = 2048, repeats: int = 5) -> float:
    """The best of some large matrix products."""
    from kit.stages.tensorflow.backend import tf

    matrix = tf.random.stateless_uniform([size, size], [1, 2])
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(matrix, matrix)))
    float(product())
    best = min(timed(lambda: float(product())) for _ in range(repeats))
    return 2 * size**3 / best / 1e9


def timed(call: Any) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def profiled(name: str, plain: bool) -> tuple[float, collections.Counter[str], int]:
    """Seconds of all steps, seconds by kind of operation, and floating-point operations of one image's step."""
    import numpy as np

    from kit.stages.tensorflow import models
    from kit.stages.tensorflow.backend import keras, tf
    from kit.stages.tensorflow.loop import Plan, _compile
    from kit.study import architectures

    keras.backend.clear_session()
    known = architectures.get(name)
    model = models.build(name, seed=1)
    optimizer = keras.optimizers.legacy.RMSprop(1e-3, momentum=0.9)
    optimizer._create_all_weights(model.trainable_weights)
    training_ops = "tensorflow" if plain else "compiled"
    plan = Plan(1, BATCH, 1e-3, 1e-4, 0.9, 1, known.input_scale, known.input_offset, training_ops)
    step, _ = _compile(model, optimizer, plan)
    random = np.random.default_rng(0)
    images = tf.constant(random.integers(0, 256, (BATCH, 32, 32, 3), np.uint8))
    labels = tf.constant(random.integers(0, 10, BATCH).astype(np.uint8))

    def steps(count: int) -> None:
        for _ in range(count):
            float(step(images, labels)[0])

    steps(WARM_UP)
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        seconds = timed(lambda: steps(STEPS))
        tf.profiler.experimental.stop()
        return seconds, operations(Path(folder)), training_flops(model)


def operations(folder: Path) -> collections.Counter[str]:
    """Seconds of each kind of operation in a trace."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    found: collections.Counter[str] = collections.Counter()
    for path in folder.rglob("*.xplane.pb"):
        space = xplane_pb2.XSpace.FromString(path.read_bytes())
        for plane in space.planes:
            for event in (event for line in plane.lines for event in line.events):
                name = plane.event_metadata[event.metadata_id].name
                if ":" in name and "::" not in name and "__inference" not in name:  # an operation is traced as name:kind
                    found[name.rsplit(":", 1)[1]] += event.duration_ps / 1e12
    return found


def training_flops(model: Any) -> int:
    """Of one image: three times two operations for each multiplication and addition of the convolutions and dense layers."""
    total = 0
    for layer in model.layers:
        kernel = getattr(layer, "depthwise_kernel", getattr(layer, "kernel", None))
        if kernel is None:
            continue
        shape = layer.output_shape
        pixels = shape[1] * shape[2] if len(shape) == 4 else 1
        total += 6 * int(kernel.shape.num_elements()) * pixels
    return total


if __name__ == "__main__":
    main()
