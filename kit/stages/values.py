"""What the stages record: every key with its meaning and unit. `kit/bench/values.py` has those of a bench.

A key that is None is left out of the record: it does not apply, or an earlier version of the stage did not know it.
"""

from __future__ import annotations

from msgspec import Struct

from kit.runs.counts import Counts


class Epoch(Struct, frozen=True):
    """One epoch. `loss` (nats) and `top1` (0 to 1) are means over the training batches as they were trained on,
    `selection_loss` and `selection_top1` over the selection images after it.

    `extra` has a pruning's `mask_sparsity`: zeros over all prunable weights, 0 to 1.
    """

    loss: float
    top1: float
    selection_loss: float
    selection_top1: float
    extra: dict[str, float] = {}


class Zeros(Struct, frozen=True):
    """How many `parameters`, and the `zeros` among them."""

    parameters: int
    zeros: int


class ImageCounts(Struct, frozen=True):
    """How many images trained, and how many chose the best epoch."""

    train: int
    selection: int


class TrainingOps(Struct, frozen=True, omit_defaults=True):
    """What trained: `ops` is `compiled` or `tensorflow`. If compiled, `source_sha256` is over all that decides the library,
    and `isa` names the instruction set."""

    ops: str
    source_sha256: str | None = None
    isa: str | None = None


class FitValues(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What every stage records that changes weights; `weights` are by kind of layer."""

    history: tuple[Epoch, ...] = ()
    weights: dict[str, Zeros]
    training_ops: TrainingOps | None = None


class TrainValues(FitValues, frozen=True, omit_defaults=True, kw_only=True):
    """What a training records. `best_epoch`, from 0, is the one whose weights were kept."""

    best_epoch: int
    images: ImageCounts | None = None


class PruneValues(FitValues, frozen=True, omit_defaults=True, kw_only=True):
    """What a pruning records."""


class Calibration(Struct, frozen=True, omit_defaults=True):
    """How many `images` ranges were estimated from, the `sha256` of their pixels, and the `order` that they came in."""

    images: int
    sha256: str
    order: str | None = None


class ConvertValues(Struct, frozen=True, omit_defaults=True):
    """Sizes of the `.tflite` file, and of the same after gzip at level 9, in bytes."""

    size_bytes: int
    gzip_bytes: int
    calibration: Calibration | None = None


class WithoutDelegate(Struct, frozen=True):
    """The test images through the interpreter's built-in kernels, as in the study: how many predictions are `differing`."""

    differing: int
    test: Counts


class Engine(Struct, frozen=True, omit_defaults=True):
    """What evaluated a file."""

    interpreter: str
    delegate: str
    without_delegate: WithoutDelegate | None = None


class Contents(Struct, frozen=True):
    """What a .tflite file holds: `constants` by data type; `operators` by name and data type of their first output, and how
    often each occurs."""

    constants: dict[str, Zeros]
    operators: dict[str, dict[str, int]]


class EvaluateValues(Struct, frozen=True, omit_defaults=True):
    """What an evaluation records: counts of both splits, all images of each, and what the file holds."""

    test: Counts
    train: Counts
    contents: Contents
    engine: Engine | None = None
