"""Training speed: the kit's step against a plain `model.fit` and against an earlier kit, taking turns.

    python benchmarks/training.py                        # all architectures, 3 repeats
    python benchmarks/training.py mobilenet_v2 --repeats 7
    git worktree add ../before 9987b25 && python benchmarks/training.py --before ../before
    python benchmarks/training.py --torch ../torch/bin/python      # an environment with torch and torchvision

Same network, images, batch size 64 and optimizer (RMSprop, momentum 0.9) on all sides. TensorFlow's thread counts hold
for a process, so each side has processes of its own, which take turns. `fit` has all cores, and TensorFlow's own default
for oneDNN on this processor, which the kit turns off. The kit trains with one thread and as many networks at once as there
are cores: "kit" is what all of them do together while they run side by side, from the common start to the end of the last.
"ms" is the processor time of a step in the first of them, alone, "speed-up" the ratio of these times, turn by turn, and
"MB" the peak memory of such a process (resident, 1e6 bytes).
The time of `fit` is taken from the beginning of its first batch to the end of its last: the pause in which tf.data stops
its autotuner (up to as long as the training itself) is not counted, which makes `fit` look better than it is. "torch" is the
better of two settings: one process with all cores, and one process with one thread for each core, side by side. "ratio" is
against the better of `fit` and torch.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from machine import machine, spread

BATCH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("architectures", nargs="*")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20, help="steps of 64 images in each repeat")
    parser.add_argument("--before", type=Path, help="a checkout of an earlier kit, to compare with")
    parser.add_argument("--torch", type=Path, help="a Python with torch and torchvision, to compare with")
    parser.add_argument("--no-fit", action="store_true", help="leave `model.fit` out")
    parser.add_argument("--serve", choices=("fit", "kit"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.architectures[0], arguments.steps, arguments.before)
        return
    from kit.study.architectures import ARCHITECTURES  # not before `serve` has put another checkout in front

    print(machine())
    print(f"n = {arguments.repeats} repeats of {arguments.steps} steps: median (minimum–maximum)")
    titles = ("fit, images/s", "torch, one", "torch, many", "kit")
    print(
        f"{'':32}"
        + "".join(f"{title:>20}" for title in titles)
        + f"{'ratio':>7}{'before, ms':>21}{'kit, ms':>19}{'speed-up':>19}{'before, MB':>12}{'kit, MB':>9}"
    )
    for name in arguments.architectures or ARCHITECTURES:
        measure(name, arguments)


def measure(name: str, arguments: argparse.Namespace) -> None:
    """Print one architecture's row."""
    cores = os.cpu_count() or 1
    options = [name, "--steps", str(arguments.steps)]
    fit = [] if arguments.no_fit else [start("fit", options)]
    one, many = [], []
    if arguments.torch and "minimalistic" not in name:
        script = [
            str(arguments.torch.absolute()),
            "-P",
            str(Path(__file__).with_name("pytorch.py")),
            name,
            str(arguments.steps),
        ]
        one = [begin([*script, str(cores)])]
        many = [begin([*script, "1"]) for _ in range(cores)]
    kit = [start("kit", options) for _ in range(cores)]
    earlier = [start("kit", [*options, "--before", str(arguments.before.absolute())])] if arguments.before else []
    sides = [fit, one, many, kit]
    everybody = [process for side in (*sides, earlier) for process in side]
    for process in everybody:
        assert process.stdout is not None and process.stdout.readline() == "ready\n", "a side did not start"
    rates: list[list[float]] = [[] for _ in sides]
    old, new = [], []
    for _ in range(arguments.repeats):
        for side, found in zip(sides, rates, strict=True):
            if side:
                found.append(rate(side, arguments.steps))
        if earlier:
            old.append(together(earlier)[0])
            new.append(together(kit[:1])[0])
    for process in everybody:
        process.communicate()
    others = [statistics.median(found) for found in rates[:3] if found]
    ratio = f"{statistics.median(rates[3]) / max(others):.1f}" if others else "–"
    row = f"{name:32}" + "".join(f"{spread(found) if found else '–':>20}" for found in rates) + f"{ratio:>7}"
    if earlier:
        then, now = ([1000 * taken.processor_s / arguments.steps for taken in side] for side in (old, new))
        row += f"{spread(then, 1):>21}{spread(now, 1):>19}"
        row += f"{spread([before / after for before, after in zip(then, now, strict=True)], 2):>19}"
        row += f"{old[-1].peak_bytes / 1e6:>12.0f}{new[-1].peak_bytes / 1e6:>9.0f}"
    print(row, flush=True)


def start(side: str, options: list[str]) -> subprocess.Popen[str]:
    return begin([sys.executable, __file__, *options, "--serve", side])


def begin(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


class Taken(NamedTuple):
    """What a side's turn took."""

    clock_s: float
    processor_s: float
    peak_bytes: float


def together(processes: list[subprocess.Popen[str]]) -> list[Taken]:
    """What each of them takes, side by side."""
    for process in processes:
        assert process.stdin is not None
        print("go", file=process.stdin, flush=True)
    taken = []
    for process in processes:
        assert process.stdout is not None
        taken.append(Taken(*map(float, process.stdout.readline().split())))
    return taken


def rate(processes: list[subprocess.Popen[str]], steps: int) -> float:
    """Images/s of all of them, by the time that the slowest takes."""
    return len(processes) * steps * BATCH / max(taken.clock_s for taken in together(processes))


def serve(side: str, name: str, steps: int, root: Path | None) -> None:
    """One side: build and warm up, then for each line read train `steps` batches and print the seconds."""
    if root:
        sys.path.insert(0, str(root))
    os.environ |= {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    if side == "fit":
        import tensorflow
    import numpy as np
    import tensorflow  # noqa: F401  reads the variables now; kit.stages.tensorflow.backend would turn oneDNN off

    random = np.random.default_rng(0)
    images = random.integers(0, 256, (steps * BATCH, 32, 32, 3), np.uint8)
    labels = random.integers(0, 10, len(images))
    run = {"fit": plain_side, "kit": kit_side}[side](name, images, labels)
    run(2)
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.process_time()
        clock = run(steps)
        print(clock, time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, flush=True)


def plain_side(name: str, images: Any, labels: Any) -> Callable[[int], float]:
    """`model.fit` on arrays with two threads; returns seconds for a number of steps."""
    from kit.stages.tensorflow import models
    from kit.stages.tensorflow.backend import keras, tf
    from kit.study import architectures

    tf.config.threading.set_intra_op_parallelism_threads(os.cpu_count() or 1)
    known = architectures.get(name)
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


def kit_side(name: str, images: Any, labels: Any) -> Callable[[int], float]:
    """The kit's own step, as `kit train` compiles it and with the threads that it has there: one."""
    import numpy as np

    try:
        from kit.stages.tensorflow import backend, loop, models
    except ModuleNotFoundError:  # a checkout from before the packages had their present names
        from kit.pipeline import backend, models
        from kit.pipeline import fit as loop
    from kit.study import architectures

    backend.configure(threads=1)
    known = architectures.ARCHITECTURES[name]
    model = models.build(name, seed=1)
    rate = backend.keras.optimizers.schedules.PolynomialDecay(1e-3, 10_000, 1e-4)
    optimizer = backend.keras.optimizers.legacy.RMSprop(rate, momentum=0.9)
    optimizer._create_all_weights(model.trainable_weights)
    plan = loop.Plan(1, BATCH, 1e-3, 1e-4, 0.9, 1, known.input_scale, known.input_offset)
    step, _ = loop._compile(model, optimizer, plan)
    bytes_of_labels = labels.astype(np.uint8)

    def run(steps: int) -> float:
        order = np.random.default_rng(0).permutation(steps * BATCH)
        began = time.perf_counter()
        for index in range(steps):
            batch = order[index * BATCH : (index + 1) * BATCH]
            loss, _ = step(backend.tf.constant(images[batch]), backend.tf.constant(bytes_of_labels[batch]))
            float(loss)
        return time.perf_counter() - began

    return run


if __name__ == "__main__":
    main()
