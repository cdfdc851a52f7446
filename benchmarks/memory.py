"""Peak memory of the ten unpruned cells as the kit measures it, beside that of the study's own tool.

    python benchmarks/memory.py runs/short
    python benchmarks/memory.py --interpreter tflite runs/reference-models

Each cell of the run that has a file is measured in fresh processes of the agent, as protocol `paper` does, without a
delegate and with XNNPACK; MiB, median and range. Ends with 1 if LiteRT without a delegate lies further from the tool than
`memory.toml` allows. A packed bundle has no files: `kit bench` of it makes a run that has.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from machine import machine

TABLE = tomllib.loads(Path(__file__).with_name("memory.toml").read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--interpreter", choices=("litert", "tflite"), default="litert")
    parser.add_argument("--processes", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{machine()}; {arguments.interpreter}, n = {arguments.processes} processes, MiB: median (range)")
    print(f"{'':32}{'published':>10}{'tool':>8}{'no delegate':>24}{'off':>8}{'xnnpack':>24}")
    wrong = [cell for cell in TABLE["cells"] if not row(cell, arguments)]
    if wrong and arguments.interpreter == "litert":
        sys.exit(f"too far from the study's tool: {', '.join(wrong)}")


def row(cell: str, arguments: argparse.Namespace) -> bool:
    """Print one cell. Whether what is measured without a delegate is near enough to the tool's value."""
    model, known = arguments.run / cell / "model.tflite", TABLE["cells"][cell]
    if not model.is_file():
        print(f"{cell:32}{known['published']:>10.2f}{known['tool']:>8.2f}{'no file':>24}")
        return True
    none, xnnpack = (measured(model, delegate, arguments) for delegate in ("none", "xnnpack"))
    off = statistics.median(none) - known["tool"]
    print(f"{cell:32}{known['published']:>10.2f}{known['tool']:>8.2f}{shown(none):>24}{off:>+8.2f}{shown(xnnpack):>24}")
    return abs(off) <= float(TABLE["limit_mib"][cell.rpartition("/")[2]])


def measured(model: Path, delegate: str, arguments: argparse.Namespace) -> list[float]:
    from kit.bench.measure import BenchSeries
    from kit.bench.transport import WORKER
    from kit.study import protocols

    series = BenchSeries(protocols.get("paper"), arguments.interpreter, delegate, 1)
    argv = [sys.executable, WORKER / "agent.py", *series.arguments(str(model))]
    samples = [json.loads(subprocess.run(argv, capture_output=True, check=True).stdout) for _ in range(arguments.processes)]
    return [(sample["peak_rss_bytes"] - sample["base_rss_bytes"]) / 2**20 for sample in samples]


def shown(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


if __name__ == "__main__":
    main()
