"""The stages that compute, by name, in the order in which a cell goes through them."""

from __future__ import annotations

from kit.runs.stage import Stage
from kit.stages import audit, convert, evaluate, prune, train
from kit.study.grid import Cell

_ALL = (train.STAGE, prune.STAGE, convert.STAGE, evaluate.STAGE, audit.STAGE)
STAGES: dict[str, Stage] = {stage.name: stage for stage in _ALL}


def maker(file: str, cell: Cell) -> Stage:
    """The stage that writes `file` for a cell or a variant."""
    return next(stage for stage in STAGES.values() if file in stage.outputs and stage.applies(cell))
