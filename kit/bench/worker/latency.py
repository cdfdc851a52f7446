"""How long single inferences take, and how much memory the model needs."""

from __future__ import annotations

import ctypes
import gc
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from inputs import INDICES, Input, fill, random_input, resize
from network import ERRORS, Network, Unusable, delegated, engine, load, require, unusable

if TYPE_CHECKING:
    from network import Interpreter

# A model that hangs ends this process: until the first inference is done, and in all. The kit waits longer than that.
_FIRST_S, _ALL_S = 240, 840


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


class Runs(NamedTuple):
    """How long to run: at least so many inferences and so many seconds, both."""

    inferences: int
    seconds: float


def timed(interpreter: Interpreter, runs: Runs) -> list[int]:
    """Run the model and time each inference, in nanoseconds."""
    latencies_ns: list[int] = []
    begin = start = time.perf_counter_ns()
    end_ns = begin + int(runs.seconds * 1e9)
    while len(latencies_ns) < runs.inferences or start < end_ns:
        start = time.perf_counter_ns()
        interpreter.invoke()
        stop = time.perf_counter_ns()
        latencies_ns.append(stop - start)
        start = stop
    return latencies_ns


class Options(NamedTuple):
    """What runs the model, and how; `shapes` are sizes of inputs as they were typed."""

    interpreter: str
    threads: int = 1
    delegate: str = "xnnpack"
    shapes: tuple[str, ...] = ()


def measure(model: Path, options: Options, warmup: Runs, runs: Runs) -> dict[str, object]:
    """Latencies in nanoseconds, warm-ups apart, the growth of the peak RSS by loading and running the model, and what it
    was given.

    What a delegate runs is looked up last, so that it is in neither.
    """
    import numpy as np

    require(model)
    chosen = engine(options.interpreter)  # imported before the base line, so that it does not count
    for dtype in (np.float32, np.uint8):  # nor do the pages of numpy that random numbers touch
        random_input((8,), dtype)
    reset_peak_rss()
    base_bytes = peak_rss_bytes()
    signal.alarm(_FIRST_S)
    try:
        network = load(chosen, model, options.threads, options.delegate, lambda made: resize(made, model, options.shapes))
        inputs, measured = _run(network, model, warmup, runs)
        peak_bytes = peak_rss_bytes()
        nodes = delegated(network)
    except ERRORS as error:  # any call may stumble over a damaged file, the last one over a name
        raise unusable(model, error) from error
    return {
        **measured,
        "base_rss_bytes": base_bytes,
        "peak_rss_bytes": peak_bytes,
        "input_shape": inputs[0]["shape"] if len(inputs) == 1 else None,
        "inputs": inputs,
        **nodes,
    }


def _run(network: Network, model: Path, warmup: Runs, runs: Runs) -> tuple[list[Input], dict[str, list[int]]]:
    """Fill the inputs and time the inferences. Indices that the model refuses become 0."""
    for indices in (True, False):
        inputs = fill(network.interpreter, model, indices)
        try:
            first = timed(network.interpreter, Runs(min(1, warmup.inferences), 0))
            signal.alarm(_ALL_S)
            warm = first + timed(network.interpreter, Runs(warmup.inferences - len(first), warmup.seconds))
            return inputs, {"warmup_ns": warm, "latency_ns": timed(network.interpreter, runs)}
        except ERRORS:
            if not indices or not any(one["dtype"] in INDICES for one in inputs):
                raise
    raise AssertionError
