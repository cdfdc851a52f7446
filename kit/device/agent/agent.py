#!/usr/bin/env python3
"""Run one .tflite file on this device: `measure` its latency and memory, or `predict` the classes of images.

Needs the standard library, numpy and one interpreter: `litert` (ai-edge-litert) or `tflite` (tflite-runtime). Prints one
line of JSON. Where it cannot, it says why in one line on stderr and ends with 1.
"""

import argparse
import ctypes
import gc
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

_PACKAGES = {"litert": "ai-edge-litert", "tflite": "tflite-runtime"}


class Unusable(Exception):  # noqa: N818 - named for what it means
    """The model, the images or the interpreter cannot be used."""


def interpreter_class(name: str) -> Any:
    try:
        if name == "litert":
            from ai_edge_litert.interpreter import Interpreter
        else:
            from tflite_runtime.interpreter import Interpreter
    except ImportError as error:
        raise Unusable(
            f"{_PACKAGES[name]} does not load here ({error}): install it or choose another interpreter"
        ) from error
    return Interpreter


def load(make: Any, model: Path, threads: int) -> Any:
    """An interpreter that is ready to run `model`."""
    if not os.access(model, os.R_OK):
        raise Unusable(f"{model} is not there, or may not be read: name a .tflite file")
    try:
        network = make(model_path=str(model), num_threads=threads)
        network.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise Unusable(f"{model} is no model that this interpreter runs: {' '.join(str(error).split())}") from error
    return network


def peak_rss_bytes() -> int:
    """VmHWM, not ru_maxrss: a child inherits its parent's ru_maxrss."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise Unusable("no VmHWM in /proc/self/status: measure on Linux")


def reset_peak_rss() -> None:
    """Start the peak anew at what is in use: memory that imports have freed goes back to the kernel before, or the model
    would be loaded into it and seem smaller."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim:
        trim(0)
    Path("/proc/self/clear_refs").write_text("5")


def random_input(numpy: Any, details: dict[str, Any]) -> Any:
    generator = numpy.random.default_rng(0)
    if details["dtype"] == numpy.float32:
        return generator.random(details["shape"], dtype=numpy.float32)
    return generator.integers(0, 256, details["shape"]).astype(details["dtype"])


def measure(
    model: Path, interpreter: str, threads: int, warmup: int, inferences: int, seconds: float = 0.0
) -> dict[str, Any]:
    """Latencies in nanoseconds, warm-ups first, and the growth of the peak RSS by loading and running the model.

    At least `inferences`, and as many more as `seconds` have room for.
    """
    import numpy

    make = interpreter_class(interpreter)  # imported before the base line, so that it does not count
    reset_peak_rss()
    base_bytes = peak_rss_bytes()
    network = load(make, model, threads)
    details = network.get_input_details()[0]
    network.set_tensor(details["index"], random_input(numpy, details))
    latencies_ns: list[int] = []
    start = end_ns = 0
    while len(latencies_ns) < warmup + inferences or start < end_ns:
        if len(latencies_ns) == warmup:
            end_ns = time.perf_counter_ns() + int(seconds * 1e9)
        start = time.perf_counter_ns()
        network.invoke()
        latencies_ns.append(time.perf_counter_ns() - start)
    return {
        "warmup_ns": latencies_ns[:warmup],
        "latency_ns": latencies_ns[warmup:],
        "base_rss_bytes": base_bytes,
        "peak_rss_bytes": peak_rss_bytes(),
    }


def predict(model: Path, images: Path, interpreter: str, threads: int, scale: float, offset: float) -> Any:
    """Class probabilities, float32, n x classes, of the images * `scale` + `offset`.

    `images`: a .npy file, n x height x width x channels, of numbers.
    """
    import numpy

    network = load(interpreter_class(interpreter), model, threads)
    source, sink = network.get_input_details()[0], network.get_output_details()[0]
    inputs = quantize(numpy, read_images(numpy, images, source["shape"]) * scale + offset, source)
    results = numpy.empty((len(inputs), sink["shape"][-1]), sink["dtype"])
    for index, image in enumerate(inputs):
        network.set_tensor(source["index"], image[None])
        network.invoke()
        results[index] = network.get_tensor(sink["index"])[0]
    return dequantize(numpy, results, sink)


def read_images(numpy: Any, path: Path, shape: Any) -> Any:
    try:
        images = numpy.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise Unusable(f"{path} cannot be read ({error}): give a .npy file of images") from error
    if images.dtype.kind not in "uif" or tuple(images.shape[1:]) != tuple(shape[1:]):
        wanted = " x ".join(str(size) for size in shape[1:])
        raise Unusable(f"{path} holds {images.shape} of {images.dtype}: the model wants n x {wanted} numbers")
    return images


def quantize(numpy: Any, inputs: Any, details: dict[str, Any]) -> Any:
    scale, zero_point = details["quantization"]
    if details["dtype"] == numpy.float32:
        return inputs.astype(numpy.float32)
    limits = numpy.iinfo(details["dtype"])
    steps = numpy.clip(numpy.rint(inputs.astype(numpy.float32) / scale) + zero_point, limits.min, limits.max)
    return steps.astype(details["dtype"])


def dequantize(numpy: Any, results: Any, details: dict[str, Any]) -> Any:
    scale, zero_point = details["quantization"]
    if details["dtype"] == numpy.float32:
        return results
    return ((results.astype(numpy.float32) - zero_point) * scale).astype(numpy.float32)


def main() -> None:
    options = parser().parse_args()
    try:
        json.dump(_measured(options) if options.command == "measure" else _predicted(options), sys.stdout)
    except Unusable as error:
        sys.exit(f"error: {error}")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = made.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure", help="latency of single inferences and peak memory of this process")
    measuring.add_argument("model", type=Path)
    measuring.add_argument("--warmup", type=int, default=10)
    measuring.add_argument("--inferences", type=int, default=100)
    measuring.add_argument("--seconds", type=float, default=0.0, help="and at least as long")
    predicting = commands.add_parser("predict", help="top-1 class and probabilities of each image")
    predicting.add_argument("model", type=Path)
    predicting.add_argument("images", type=Path, help="a .npy file: n x height x width x channels")
    predicting.add_argument("--scale", type=float, default=1.0, help="the input is image * scale + offset")
    predicting.add_argument("--offset", type=float, default=0.0)
    predicting.add_argument("--output", type=Path, help="write the probabilities to this .npy file, not to stdout")
    for command in (measuring, predicting):
        command.add_argument("--interpreter", choices=tuple(_PACKAGES), default="litert")
        command.add_argument("--threads", type=int, default=1)
    return made


def _measured(options: argparse.Namespace) -> dict[str, Any]:
    return measure(options.model, options.interpreter, options.threads, options.warmup, options.inferences, options.seconds)


def _predicted(options: argparse.Namespace) -> dict[str, Any]:
    import numpy

    found = predict(options.model, options.images, options.interpreter, options.threads, options.scale, options.offset)
    top1 = found.argmax(axis=1).tolist()
    if options.output is None:
        return {"top1": top1, "probabilities": [[round(float(p), 6) for p in row] for row in found]}
    numpy.save(options.output, found)
    return {"top1": top1}


if __name__ == "__main__":
    main()
