"""Parity: the test images through the model on the host, against what the same model said here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kit.device.session import Session
from kit.errors import KitError
from kit.pipeline import dataset
from kit.pipeline.evaluate import PREDICTIONS
from kit.records import store
from kit.records.run import Run
from kit.study.architectures import architecture
from kit.study.cells import Cell
from kit.study.datasets import dataset as known_dataset


class Images(Struct, frozen=True):
    """Test images as a file, by its SHA-256, with their true classes. The first ones in canonical order: a fair sample."""

    path: Path
    digest: str
    labels: tuple[int, ...]
    classes: tuple[str, ...]


def images(run: Run, data: Path, count: int, folder: Path) -> Images:
    """Write the first `count` test images (all, where there are fewer) as a .npy file. Raises KitError without the data."""
    import numpy as np

    test = dataset.load(data, run.preset.dataset).test[:count]
    path = folder / "images.npy"
    np.save(path, test.images)
    return Images(path, store.sha256(path), tuple(test.labels.tolist()), known_dataset(run.preset.dataset).classes)


def predicted(run: Run, cell: Cell, count: int) -> list[int] | None:
    """The classes that the cell's model gave the first `count` test images here; None where it was not evaluated."""
    from safetensors.numpy import load_file

    path = run.path(cell, PREDICTIONS)
    return load_file(path)["test/top3"][:count, 0].tolist() if path.is_file() else None


def compare(
    session: Session, digest: str, cell: Cell, chosen: Images, here: Sequence[int], interpreter: str, threads: int
) -> dict[str, Any]:
    """Run the images through the model there. `differing` lists the images whose class is another one than here."""
    known = architecture(cell.architecture)
    answer = session.ask(
        ["predict", digest, chosen.digest, f"--interpreter={interpreter}", f"--threads={threads}",
         f"--scale={known.input_scale!r}", f"--offset={known.input_offset!r}", "--output=/tmp/probabilities.npy"]
    )  # fmt: skip
    if answer["code"]:
        raise KitError(f"{cell.name}: no predictions there ({answer['err'].strip()})", "try again with --parity 0")
    there: list[int] = msgspec.json.decode(answer["out"])["top1"]
    differing = [index for index, (a, b) in enumerate(zip(here, there, strict=True)) if a != b]
    return {
        "n": len(there),
        "top1": sum(a == b for a, b in zip(there, chosen.labels, strict=True)) / len(there),
        "top1_here": sum(a == b for a, b in zip(here, chosen.labels, strict=True)) / len(there),
        "differing": differing,
        "by_class": dict(Counter(chosen.classes[chosen.labels[index]] for index in differing)),
    }
