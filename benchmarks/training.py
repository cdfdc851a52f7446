"""Training speed: the kit's step under `fast.kernels()` against a plain `model.fit`, taking turns.

    python benchmarks/training.py                        # all architectures, 3 repeats
    python benchmarks/training.py mobilenet_v2 --repeats 7
    python benchmarks/training.py --onednn               # both sides with oneDNN's operations

Same network, images, batch size 64 and optimizer (RMSprop, momentum 0.9) on both sides. TensorFlow's thread counts hold
for a process, so each side has processes of its own, which take turns. `fit` has all cores. The kit trains with one thread
and as many networks at once as there are cores: "kit, one" is one such process alone, "kit, all" what all of them do
together while they run side by side, from the common start to the end of the last. The time of `fit` is taken from the
beginning of its first batch to the end of its last: the pause in which tf.data stops its autotuner (up to as long as the
training itself) is not counted, which makes `fit` look better than it is.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from machine import machine, spread

BATCH = 64


def main() -> None:
    from kit.study.architectures import ARCHITECTURES

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("architectures", nargs="*", default=list(ARCHITECTURES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20, help="steps of 64 images in each repeat")
    parser.add_argument("--onednn", action="store_true", help="TensorFlow's oneDNN operations, which the kit turns off")
    parser.add_argument("--serve", choices=("fit", "fast"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.architectures[0], arguments.steps, arguments.onednn)
        return
    print(f"{machine()}; oneDNN {'on' if arguments.onednn else 'off'}")
    print(f"n = {arguments.repeats} repeats of {arguments.steps} steps, images/s: median (minimum–maximum)")
    print(f"{'':32}{'model.fit':>18}{'kit, one':>20}{'kit, all':>20}{'ratio, one':>12}{'ratio, all':>12}")
    for name in arguments.architectures:
        fit, one, every = measure(name, arguments)
        ratios = "".join(f"{statistics.median(side) / statistics.median(fit):>12.2f}" for side in (one, every))
        print(f"{name:32}{spread(fit):>18}{spread(one):>20}{spread(every):>20}{ratios}", flush=True)


def measure(name: str, arguments: argparse.Namespace) -> tuple[list[float], list[float], list[float]]:
    """Images/s of each repeat: `fit`, one process of the kit, and one for each core together."""
    options = [name, "--steps", str(arguments.steps), *(["--onednn"] if arguments.onednn else [])]
    fit = start("fit", options)
    kit = [start("fast", options) for _ in range(os.cpu_count() or 1)]
    for process in (fit, *kit):
        assert process.stdout is not None and process.stdout.readline() == "ready\n", "a side did not start"
    rates: tuple[list[float], list[float], list[float]] = ([], [], [])
    for _ in range(arguments.repeats):
        for turn, own in zip(([fit], kit[:1], kit), rates, strict=True):
            own.append(together(turn, arguments.steps * BATCH))
    for process in (fit, *kit):
        process.communicate()
    return rates


def start(side: str, options: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, __file__, *options, "--serve", side],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def together(processes: list[subprocess.Popen[str]], images: int) -> float:
    """Images/s of all of them, by the time that the slowest takes."""
    for process in processes:
        assert process.stdin is not None
        print("go", file=process.stdin, flush=True)
    seconds = []
    for process in processes:
        assert process.stdout is not None
        seconds.append(float(process.stdout.readline()))
    return len(processes) * images / max(seconds)


def serve(side: str, name: str, steps: int, onednn: bool) -> None:
    """One side: build and warm up, then for each line read train `steps` batches and print the seconds."""
    os.environ |= {"TF_USE_LEGACY_KERAS": "1", "TF_ENABLE_ONEDNN_OPTS": str(int(onednn)), "TF_CPP_MIN_LOG_LEVEL": "3"}
    import numpy as np
    import tensorflow  # noqa: F401  reads the variables now; kit.pipeline.backend would turn oneDNN off

    random = np.random.default_rng(0)
    images = random.integers(0, 256, (steps * BATCH, 32, 32, 3), np.uint8)
    labels = random.integers(0, 10, len(images))
    run = {"fit": plain_side, "fast": fast_side}[side](name, images, labels)
    run(2)
    print("ready", flush=True)
    for _ in sys.stdin:
        print(run(steps), flush=True)


def plain_side(name: str, images: Any, labels: Any) -> Callable[[int], float]:
    """`model.fit` on arrays with two threads; returns seconds for a number of steps."""
    from kit.pipeline import models
    from kit.pipeline.backend import keras, tf
    from kit.study.architectures import architecture

    tf.config.threading.set_intra_op_parallelism_threads(os.cpu_count() or 1)
    known = architecture(name)
    model = models.build(name, seed=1)
    model.compile(keras.optimizers.RMSprop(momentum=0.9), "sparse_categorical_crossentropy")
    scaled = (images * known.input_scale + known.input_offset).astype("float32")

    class Clock(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            self.began = time.perf_counter() if batch == 0 else self.began

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.ended = time.perf_counter()

    def run(steps: int) -> float:
        clock = Clock()
        count = steps * BATCH
        model.fit(scaled[:count], labels[:count], batch_size=BATCH, verbose=0, callbacks=[clock])
        return float(clock.ended - clock.began)

    return run


def fast_side(name: str, images: Any, labels: Any) -> Callable[[int], float]:
    """The kit's own step, as `kit train` compiles it and with the threads that it has there: one."""
    import numpy as np

    from kit.pipeline import backend, models
    from kit.pipeline.backend import keras, tf
    from kit.pipeline.fit import Plan, _compile
    from kit.study.architectures import architecture

    backend.configure(threads=1)
    known = architecture(name)
    model = models.build(name, seed=1)
    rate = keras.optimizers.schedules.PolynomialDecay(1e-3, 10_000, 1e-4)
    optimizer = keras.optimizers.legacy.RMSprop(rate, momentum=0.9)
    optimizer._create_all_weights(model.trainable_weights)
    plan = Plan(1, BATCH, 1e-3, 1e-4, 0.9, 1, known.input_scale, known.input_offset)
    step, _ = _compile(model, optimizer, plan)
    bytes_of_labels = labels.astype(np.uint8)

    def run(steps: int) -> float:
        order = np.random.default_rng(0).permutation(steps * BATCH)
        began = time.perf_counter()
        for index in range(steps):
            batch = order[index * BATCH : (index + 1) * BATCH]
            loss, _ = step(tf.constant(images[batch]), tf.constant(bytes_of_labels[batch]))
            float(loss)
        return time.perf_counter() - began

    return run


if __name__ == "__main__":
    main()
