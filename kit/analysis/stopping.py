"""Early stopping, looked at afterwards: how long a training waited for an epoch that was better."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from kit.errors import KitError
from kit.runs.record import read_as
from kit.runs.run import Run
from kit.stages import train
from kit.stages.values import Epoch, TrainValues


def waits(run: Run) -> dict[str, int]:
    """The `longest_wait` of each training that the run has, by name. Records that can't be read are left out."""
    found = {}
    for cell in run.preset.cells():
        with suppress(KitError):
            if record := run.record(train.STAGE.name, cell.trained):
                found[cell.trained.name] = longest_wait(read_as(TrainValues, record.values, record).history)
    return found


def longest_wait(history: Sequence[Epoch]) -> int:
    """The most epochs from one best epoch to the next. Any patience of at least as many would have kept the same weights."""
    best, longest = 0, 0
    for epoch, one in enumerate(history):
        if one.selection_loss <= history[best].selection_loss:
            best, longest = epoch, max(longest, epoch - best)
    return longest
