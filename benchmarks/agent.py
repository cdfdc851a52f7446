"""What the agent adds to a latency: its own measurement against the interpreter called in a bare loop, in one process.

    python benchmarks/agent.py runs/smoke/mobilenet/s00/*/model.tflite
    python benchmarks/agent.py --interpreter tflite --repeats 9 model.tflite

Both sides take turns and load the model anew each time. The agent times every inference by itself; the bare loop is timed as
a whole. The overhead is the median of the repeats' ratios. Ends with 1 if one is above 2 %.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

from machine import machine, spread

WARMUP = 10
LIMIT = 0.02


def main() -> None:
    from kit.bench.transport import WORKER

    sys.path.insert(0, str(WORKER))  # programs, no package
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--interpreter", choices=("litert", "tflite"), default="litert")
    parser.add_argument("--repeats", type=int, default=101)
    parser.add_argument("--inferences", type=int, default=100)
    arguments = parser.parse_args()
    print(
        f"{machine()}; n = {arguments.repeats} repeats of {arguments.inferences} inferences, mean µs of one: median (range)"
    )
    print(f"{'':48}{'agent':>24}{'bare loop':>24}{'overhead':>10}")
    wrong = [model for model in arguments.models if not row(model, arguments)]
    sys.exit(1 if wrong else 0)


def row(model: Path, arguments: argparse.Namespace) -> bool:
    """Print one model's comparison. Whether the overhead is within the limit."""
    agents, bares = [], []
    sides = [(agents, by_agent), (bares, bare)]
    for _ in range(arguments.repeats):
        for values, measured in sides:
            values.append(measured(model, arguments))
        sides.reverse()  # neither side is always the one that comes after the other
    overhead = statistics.median(a / b for a, b in zip(agents, bares, strict=True)) - 1
    print(f"{str(model)[-47:]:48}{spread(agents, 1):>24}{spread(bares, 1):>24}{100 * overhead:>8.2f} %")
    return abs(overhead) <= LIMIT


def by_agent(model: Path, arguments: argparse.Namespace) -> float:
    from latency import Options, Runs, measure

    found = measure(model, Options(arguments.interpreter), Runs(WARMUP, 0), Runs(arguments.inferences, 0))
    return statistics.fmean(found["latency_ns"]) / 1000


def bare(model: Path, arguments: argparse.Namespace) -> float:
    from inputs import fill
    from network import engine, load

    network = load(engine(arguments.interpreter), model, 1).interpreter
    fill(network, model)
    for _ in range(WARMUP):
        network.invoke()
    start = time.perf_counter_ns()
    for _ in range(arguments.inferences):
        network.invoke()
    return (time.perf_counter_ns() - start) / 1000 / arguments.inferences


if __name__ == "__main__":
    main()
