"""A folder for each chosen cell: the model with metadata inside, its labels, a model card, and a program that uses it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path

import msgspec

from kit import store
from kit.analysis.results import Result, results
from kit.deploy import card, metadata, predict
from kit.deploy.model import Input, Model, of_cell
from kit.errors import KitError
from kit.runs.artifacts import MODEL
from kit.runs.run import Run
from kit.study.grid import Cell, label

PROGRAM, CARD = "classify.py", "README.md"
_CONSTANTS = "SCALE, OFFSET = 1.0, 0.0"
_TRIED = 8  # random images that both files must predict alike


def export(run: Run, models: Mapping[Cell, Path], target: Path, signed: card.Signed) -> Iterator[Path]:
    """Write a folder for each cell into `target`, and yield it. `models`: each one's .tflite file, which a bundle has
    packed.

    Raises KitError if a cell's records don't belong to its run, or if the file with metadata predicts something else;
    nothing is written of that cell.
    """
    for result in results(run, list(models)):
        model = msgspec.structs.replace(of_cell(run, result.cell), path=models[result.cell])
        ends = predict.described(model, "litert")
        made = files(run, model, ends, result, signed)
        _compare(model, made[MODEL], ends)
        folder = target / folder_name(result.cell)
        for name, content in made.items():
            store.write(folder / name, content)
        yield folder


def folder_name(cell: Cell) -> str:
    """`mobilenet_v2-seed1-s60-int8`: a name that a repository may have."""
    return cell.name.replace("@", "-seed").replace("/", "-")


def files(run: Run, model: Model, ends: predict.Ends, result: Result, signed: card.Signed) -> dict[str, bytes]:
    """What a cell's folder holds, by name. Raises KitError."""
    try:
        content = model.path.read_bytes()
    except OSError as error:
        raise KitError(f"{model.path} cannot be read ({error.strerror})", run.command) from error
    known = card.facts(run, result, ends.image, (ends.input, ends.output), store.digest(content))
    name, description = label(result.cell), f"An image classifier for {known.data.label}"
    about = metadata.About(model.labels, *_input(model), name, description, signed.author, signed.licence)
    return {
        MODEL: metadata.add(content, about),
        metadata.LABELS: "".join(f"{name}\n" for name in model.labels).encode(),
        CARD: card.text(known, signed).encode(),
        PROGRAM: _program(_input(model)).encode(),
    }


def _input(model: Model) -> Input:
    assert model.input, "a cell's input is known"
    return model.input


def _program(scaling: Input) -> str:
    (scale,), (offset,) = scaling
    text = resources.files("kit.deploy").joinpath(PROGRAM).read_text("utf-8")
    assert text.count(_CONSTANTS) == 1
    return text.replace(_CONSTANTS, f"SCALE, OFFSET = {scale!r}, {offset!r}")


def _compare(model: Model, exported: bytes, ends: predict.Ends) -> None:
    """Raises KitError unless both files give identical predictions for random images."""
    import numpy as np

    generator = np.random.default_rng(0)
    images = [generator.integers(0, 256, ends.image, np.uint8) for _ in range(_TRIED)]
    with tempfile.TemporaryDirectory(prefix="kit-") as scratch:
        path = Path(scratch, MODEL)
        store.write(path, exported)
        both = (model, msgspec.structs.replace(model, path=path))
        first, second = (predict.probabilities(one, "litert", images, _input(model)) for one in both)
    if first.tobytes() != second.tobytes():
        raise KitError(f"with metadata, {model.path} predicts something else", "report it, with that file")
