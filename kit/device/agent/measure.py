#!/usr/bin/env python3
"""Measure one .tflite file in this process: latency of single inferences, and peak memory. Prints one line of JSON.

Needs the standard library, numpy and one interpreter: `litert` (ai-edge-litert) or `tflite` (tflite-runtime).
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any


def interpreter_class(name: str) -> Any:
    if name == "litert":
        from ai_edge_litert.interpreter import Interpreter
    else:
        from tflite_runtime.interpreter import Interpreter
    return Interpreter


def peak_rss_bytes() -> int:
    """VmHWM, not ru_maxrss: a child inherits its parent's ru_maxrss."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmHWM in /proc/self/status")


def reset_peak_rss() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def random_input(numpy: Any, details: dict[str, Any]) -> Any:
    generator = numpy.random.default_rng(0)
    if details["dtype"] == numpy.float32:
        return generator.random(details["shape"], dtype=numpy.float32)
    return generator.integers(0, 256, details["shape"]).astype(details["dtype"])


def measure(model: Path, interpreter: str, threads: int, warmup: int, inferences: int) -> dict[str, Any]:
    """Latencies in nanoseconds, warm-ups first, and the growth of the peak RSS by loading and running the model."""
    import numpy

    make = interpreter_class(interpreter)  # imported before the base line, so that it does not count
    reset_peak_rss()
    base_bytes = peak_rss_bytes()
    network = make(model_path=str(model), num_threads=threads)
    network.allocate_tensors()
    details = network.get_input_details()[0]
    network.set_tensor(details["index"], random_input(numpy, details))
    latencies_ns = []
    for _ in range(warmup + inferences):
        start = time.perf_counter_ns()
        network.invoke()
        latencies_ns.append(time.perf_counter_ns() - start)
    return {
        "warmup_ns": latencies_ns[:warmup],
        "latency_ns": latencies_ns[warmup:],
        "base_rss_bytes": base_bytes,
        "peak_rss_bytes": peak_rss_bytes(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--interpreter", choices=("litert", "tflite"), default="litert")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--warmup", type=int, default=10)
    parser.add_argument("--inferences", type=int, default=100)
    options = parser.parse_args()
    json.dump(measure(options.model, options.interpreter, options.threads, options.warmup, options.inferences), sys.stdout)


if __name__ == "__main__":
    main()
