"""The counts of a split, from which all accuracies are computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kit.runs.predictions import Predictions, Ties, fair, unpacked

if TYPE_CHECKING:
    from kit.runs.predictions import Array

_MOST_WHOLE = 255  # classes: the zeros of more would fill a record
_SMALLEST = 1e-7  # a probability of 0 would make the loss infinite; Keras clips at the same value


class AsStudied(Struct, frozen=True):
    """Hits as the study counted them: whatever ties with the k-th class is one; by class, the highest class number wins."""

    top1_correct: int
    top3_correct: int
    by_class_correct: tuple[int, ...]


class Counts(Struct, frozen=True, omit_defaults=True):
    """The raw counts of `n` images. `loss_sum` is the sum of their cross-entropy, in nats.

    `top3_correct` and `confusion` (rows: true class, columns: predicted) are expectations of an even draw: a tied
    prediction is spread over the classes that tie. With more than 255 classes a row has only what isn't 0, by class.
    `tied` images share the first place. Where ties are unknown, it and `as_studied` are None, and the rest counts what was
    kept.
    """

    n: int
    loss_sum: float
    top3_correct: float
    confusion: tuple[tuple[float, ...] | dict[str, float], ...]
    tied: int | None = None
    as_studied: AsStudied | None = None

    def matrix(self) -> list[list[float]]:
        """The confusion with all its zeros."""
        places = [str(label) for label in range(len(self.confusion))]
        return [[row.get(p, 0.0) for p in places] if isinstance(row, dict) else list(row) for row in self.confusion]


def counts(split: Predictions) -> Counts:
    """Count a split."""
    import numpy as np

    probability = np.maximum(split.true_probability.astype(np.float64), _SMALLEST)
    n, loss_sum = len(split.label), float(-np.log(probability).sum())
    if split.ties is None:
        return Counts(n, loss_sum, int(fair(split, 3).sum()), _rows(_confusion(split).astype(int)))
    return Counts(
        n=n,
        loss_sum=loss_sum,
        top3_correct=float(fair(split, 3).sum()),
        confusion=_rows(_confusion(split)),
        tied=len(split.ties.images),
        as_studied=_as_studied(split, split.ties),
    )


def _rows(matrix: Array) -> tuple[tuple[float, ...] | dict[str, float], ...]:
    if len(matrix) <= _MOST_WHOLE:
        return tuple(tuple(row) for row in matrix.tolist())
    return tuple({str(label): row[label].item() for label in row.nonzero()[0]} for row in matrix)


def _confusion(split: Predictions) -> Array:
    import numpy as np

    confusion = np.zeros((split.classes, split.classes))
    alone = np.ones(len(split.label), bool)
    if split.ties is not None:
        alone[split.ties.images] = False
        first = unpacked(split).astype(np.float64)
        np.add.at(confusion, split.label[split.ties.images], first / np.maximum(first.sum(axis=1, keepdims=True), 1))
    np.add.at(confusion, (split.label[alone], split.top3[alone, 0]), 1)
    return confusion


def _as_studied(split: Predictions, ties: Ties) -> AsStudied:
    import numpy as np

    last = split.top3[:, 0].copy()
    last[ties.images] = split.classes - 1 - unpacked(split)[:, ::-1].argmax(axis=1)
    hits = np.bincount(split.label[last == split.label], minlength=split.classes)
    return AsStudied(int((ties.above < 1).sum()), int((ties.above < 3).sum()), tuple(hits.tolist()))
