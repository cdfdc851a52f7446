"""How right `kit reproduce --dry-run` is: its estimate of two epochs on CIFAR-10, against the time that they take.

    python benchmarks/estimate.py --archive cifar-10-python.tar.gz                     # the five networks, one after another
    python benchmarks/estimate.py --archive cifar-10-python.tar.gz mobilenet_v3_small

Each network is estimated and then trained alone, by one worker; between the two nothing else may begin or end.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import time
from pathlib import Path

import msgspec
from machine import machine


def main() -> None:
    from kit.datasets import prepare
    from kit.study.preset import load

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("architectures", nargs="*", default=list(load("paper").architectures))
    parser.add_argument("--archive", type=Path, required=True)
    options = parser.parse_args()
    print(f"{machine()}; two epochs on CIFAR-10, one process, n = 1")
    print(f"{'':34}{'estimated':>12}{'took':>12}{'off by':>10}")
    with tempfile.TemporaryDirectory(prefix="kit-") as name:
        prepare.prepare(Path(name) / "data", "cifar10", options.archive)
        for architecture in options.architectures:
            row(architecture, Path(name))


def row(name: str, folder: Path) -> None:
    from kit.cli import preview
    from kit.study.preset import load
    from kit.workflow import reproduce
    from kit.workflow.reproduce import RunRequest

    paper = load("paper")
    training = msgspec.structs.replace(paper.training, epochs=2)
    preset = msgspec.structs.replace(paper, name=name, architectures=(name,), training=training)
    request = RunRequest(folder / "runs" / name, preset, ("train",), data=folder / "data", workers=1)
    rows, _ = preview.measured(request, reproduce.preview(request))
    estimated_s = sum(one.estimate_s for one in rows)
    begin = time.monotonic()
    with contextlib.redirect_stdout(io.StringIO()):
        reproduce.bring_up_to_date(request)
    took_s = time.monotonic() - begin
    print(f"{name:34}{estimated_s:>10.0f} s{took_s:>10.0f} s{estimated_s / took_s - 1:>+10.0%}", flush=True)


if __name__ == "__main__":
    main()
