"""Ties of a bundle's int8 models: top-1 shared evenly and as the study counted, with XNNPACK and without a delegate.

    python benchmarks/ties.py reports/reference [DATA]    # after `kit data cifar10`; DATA: its folder, or `data`

For runs that are older than the record of ties; a new run has these counts in its `evaluate` records.
"""

from __future__ import annotations

import sys
from pathlib import Path

from machine import machine

from kit import store
from kit.datasets import prepare
from kit.runs import predictions
from kit.runs.artifacts import MODEL
from kit.runs.counts import counts
from kit.runs.run import open_run
from kit.stages import interpreter
from kit.study import architectures
from kit.study.grid import label
from kit.study.published import published


def main() -> None:
    run, data = open_run(Path(sys.argv[1])), Path(sys.argv[2] if len(sys.argv) > 2 else "data")
    test = prepare.load(data, run.preset.dataset).test
    print(f"{machine()}, n = {len(test)} test images")
    print("| int8, top-1 | published | fair | as studied | tied | predicted otherwise without a delegate | fair, without |")
    for cell in sorted(run.preset.cells(), key=lambda cell: cell.sparsity):
        model, known = store.read(run.path(cell, MODEL)), architectures.get(cell.architecture)
        if cell.precision != "int8" or model is None:
            continue
        scaled = (test.images * known.input_scale + known.input_offset).astype("float32")
        fast, plain = (
            predictions.keep(interpreter.probabilities(model, scaled, delegate=delegate), test.labels)
            for delegate in (True, False)
        )
        figures, found = published().of(cell.point), counts(fast)
        top1, without = (float(predictions.fair(one).mean()) for one in (fast, plain))
        shares = [100 * count / len(test) for count in (found.tied or 0, predictions.differing(fast, plain))]
        print(
            f"| {label(cell)} | {figures.top1 if figures else '–'} | {top1:.4f} "
            f"| {found.as_studied.top1_correct / len(test):.4f} | {shares[0]:.2f} % | {shares[1]:.2f} % "
            f"| {without:.4f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
