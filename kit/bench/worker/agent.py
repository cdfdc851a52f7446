#!/usr/bin/env python3
"""Run one .tflite file on this device: `measure` its latency and memory, `describe` what it takes, or `predict` classes.

Needs the standard library, numpy and one interpreter: `litert` (ai-edge-litert) or `tflite` (tflite-runtime). Prints one
line of JSON. Where it cannot, it says why in one line on stderr and ends with 1.

This folder is no package: its files run on the device alone, and find each other beside the one that was started.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from inputs import resize
from latency import Options, Runs, measure
from network import ERRORS, PACKAGES, Network, Refused, Unusable, engine, load, require, unusable
from prediction import describe, predict


def main() -> None:
    options = parser().parse_args()
    try:
        json.dump(_COMMANDS[options.command](options), sys.stdout)
    except Refused:  # again, and not in here: what XNNPACK took to find out is not the model's memory
        os.execv(sys.executable, [*sys.orig_argv, "--delegate=none"])  # noqa: S606 - as this process was started
    except Unusable as error:
        sys.exit(f"error: {shown(str(error))}")


def shown(text: str) -> str:
    """As one line without control characters: names in a model file are anybody's."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = made.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure", help="latency of single inferences and peak memory of this process")
    measuring.add_argument("--warmup", type=int, default=10, help="warm-up inferences, not counted")
    measuring.add_argument("--warmup-seconds", type=float, default=0.0, help="and at least as long")
    measuring.add_argument("--inferences", type=int, default=100)
    measuring.add_argument("--seconds", type=float, default=0.0, help="and at least as long")
    predicting = commands.add_parser("predict", help="top-1 class and probabilities of each image")
    describing = commands.add_parser("describe", help="what a classifier of images takes and gives")
    for command in (measuring, predicting, describing):
        shape = "size of an input that is open: 1,224,224,3 or NAME=1,224,224,3"
        command.add_argument("model", type=Path)
        command.add_argument("--shape", action="append", default=[], help=shape)
        command.add_argument("--interpreter", choices=tuple(PACKAGES), default="litert")
        command.add_argument(
            "--delegate",
            choices=("none", "xnnpack"),
            default="xnnpack",
            help="xnnpack is both's default; a file that it refuses runs without",
        )
        command.add_argument("--threads", type=int, default=1)
    predicting.add_argument("images", type=Path, help="a .npy file: n x height x width x channels")
    predicting.add_argument("--scale", type=float, default=1.0, help="the input is image * scale + offset")
    predicting.add_argument("--offset", type=float, default=0.0)
    predicting.add_argument("--output", type=Path, help="write the probabilities to this .npy file, not to stdout")
    return made


def _measured(options: argparse.Namespace) -> dict[str, object]:
    warmup, runs = Runs(options.warmup, options.warmup_seconds), Runs(options.inferences, options.seconds)
    how = Options(options.interpreter, options.threads, options.delegate, tuple(options.shape))
    return measure(options.model, how, warmup, runs)


def _predicted(options: argparse.Namespace) -> dict[str, object]:
    import numpy as np

    network = _loaded(options)
    try:
        found = predict(network.interpreter, options.model, options.images, options.scale, options.offset)
    except ERRORS as error:
        raise unusable(options.model, error) from error
    top1 = found.argmax(axis=1).tolist()
    numbers = np.nan_to_num(found, nan=0.0)
    first = [np.flatnonzero(row == row.max()).tolist() for row in numbers]  # several classes may share the first place
    if options.output is None:
        return {"top1": top1, "first": first, "probabilities": [[round(float(p), 6) for p in row] for row in found]}
    np.save(options.output, found)
    return {"top1": top1, "first": first}


def _described(options: argparse.Namespace) -> dict[str, object]:
    try:
        return describe(_loaded(options).interpreter, options.model)
    except ERRORS as error:
        raise unusable(options.model, error) from error


def _loaded(options: argparse.Namespace) -> Network:
    model: Path = options.model
    require(model)
    kind = engine(options.interpreter)
    return load(kind, model, options.threads, options.delegate, lambda made: resize(made, model, options.shape))


_COMMANDS = {"measure": _measured, "predict": _predicted, "describe": _described}


if __name__ == "__main__":
    main()
