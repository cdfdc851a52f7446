"""Evaluation speed: a .tflite file on 10,000 images, against one image at a time in Python on one thread, alternated.

    python benchmarks/evaluation.py                                    # all architectures, float32 and int8
    python benchmarks/evaluation.py mobilenet --images 2000 --repeats 5 --interpreter tflite_runtime

The kit batches images and gives each core an interpreter. The bits of all probabilities must be those of one at a time.
`--interpreter tflite_runtime` times the one-at-a-time side with tflite-runtime 2.14, as the study did; there only the
predicted classes can be compared, because it has other kernels.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import machine, spread


def main() -> None:
    from kit.study.architectures import ARCHITECTURES

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("architectures", nargs="*", default=list(ARCHITECTURES))
    parser.add_argument("--precisions", nargs="+", default=["float32", "int8"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--interpreter", choices=("ai_edge_litert", "tflite_runtime"), default="ai_edge_litert")
    parser.add_argument("--model", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.model:
        serve(arguments)
        return
    print(f"{machine()}; n = {arguments.repeats} repeats of {arguments.images} images: median (minimum–maximum)")
    print(f"{'':44}{'one by one, images/s':>26}{'kit, images/s':>26}{'ratio':>8}  checks")
    for name in arguments.architectures:
        for precision in arguments.precisions:
            row(name, precision, arguments)


def row(name: str, precision: str, arguments: argparse.Namespace) -> None:
    import numpy as np

    from kit.stages import interpreter

    inputs = images(arguments.images)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        convert(name, precision, path)
        content = path.read_bytes()
        options = ["--images", str(arguments.images), "--interpreter", arguments.interpreter, "--model", str(path)]
        with subprocess.Popen(
            [sys.executable, __file__, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as other:
            assert other.stdin is not None and other.stdout is not None
            assert other.stdout.readline() == "ready\n", "the one-by-one side did not start"
            one_by_one: list[float] = []
            kit: list[float] = []
            for _ in range(arguments.repeats):
                print("go", file=other.stdin, flush=True)
                one_by_one.append(float(other.stdout.readline()))
                began = time.perf_counter()
                ours = interpreter.probabilities(content, inputs, threads=os.cpu_count() or 1)
                kit.append(len(inputs) / (time.perf_counter() - began))
            other.stdin.close()
        expected = np.load(path.with_suffix(".npy"))
    bits = "same bits" if np.array_equal(ours, expected) else f"probabilities within {np.abs(ours - expected).max():.0e}"
    wrong = int((ours.argmax(1) != expected.argmax(1)).sum())
    checks = f"{bits}, {wrong or 'no'} other classes"
    ratio = statistics.median(kit) / statistics.median(one_by_one)
    print(f"{name + ' ' + precision:44}{spread(one_by_one):>26}{spread(kit):>26}{ratio:>8.1f}  {checks}", flush=True)


def convert(name: str, precision: str, path: Path) -> None:
    """In another process, so that TensorFlow's threads are not in this one."""
    script = (
        "import sys; from pathlib import Path; from kit.stages.tensorflow import models; "
        "from kit.stages.tensorflow.tflite import to_tflite; "
        "import numpy as np; images = np.random.default_rng(1).uniform(-1, 1, (100, 32, 32, 3)).astype('float32'); "
        "Path(sys.argv[3]).write_bytes(to_tflite(models.build(sys.argv[1], seed=1), sys.argv[2], images))"
    )
    path_of_kit = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "-c", script, name, precision, path], check=True, capture_output=True, env=path_of_kit)


def images(count: int) -> Any:
    import numpy as np

    return np.random.default_rng(2).uniform(-1, 1, (count, 32, 32, 3)).astype(np.float32)


def serve(arguments: argparse.Namespace) -> None:
    """One image at a time on one thread: for each line read, run all images and print images/s."""
    import importlib

    import numpy as np

    library = importlib.import_module(f"{arguments.interpreter}.interpreter")
    interpreter = library.Interpreter(model_path=arguments.model, num_threads=1)
    interpreter.allocate_tensors()
    source, sink = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    inputs = images(arguments.images)
    results = np.empty((len(inputs), 10), np.float32)
    print("ready", flush=True)
    for line in sys.stdin:
        assert line
        began = time.perf_counter()
        for index in range(len(inputs)):
            interpreter.set_tensor(source, inputs[index : index + 1])
            interpreter.invoke()
            results[index] = interpreter.get_tensor(sink)[0]
        seconds = time.perf_counter() - began
        np.save(Path(arguments.model).with_suffix(".npy"), results)
        print(len(inputs) / seconds, flush=True)


if __name__ == "__main__":
    main()
