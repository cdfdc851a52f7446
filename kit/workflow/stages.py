"""The stages by name, and the bench at the end."""

from __future__ import annotations

from kit.bench import request
from kit.bench.transport import Local
from kit.runs.artifacts import MODEL, Artifact
from kit.runs.run import Run
from kit.runs.stage import Stage, State
from kit.stages.registry import STAGES
from kit.study import protocols
from kit.study.grid import Cell
from kit.study.preset import Preset


class BenchStage:
    """What the graph has to know of the bench, declared as a stage does. It measures all cells in one campaign, alone on the
    machine, so it is not done cell by cell."""

    name = request.STAGE
    outputs: tuple[str, ...] = ()
    is_on_demand = False

    def applies(self, cell: Cell) -> bool:
        return cell.precision is not None

    def inputs(self, cell: Cell) -> tuple[Artifact, ...]:
        return (Artifact(cell, MODEL),)

    def estimate_s(self, preset: Preset, cell: Cell) -> float:
        known = protocols.get(preset.bench.protocol)
        return len(known.delegates) * known.processes * (0.5 + known.warmup_seconds + known.seconds)

    def state(self, run: Run, cell: Cell) -> State:
        return request.state(run, cell, Local())


BENCH = BenchStage.name
DECLARED: dict[str, Stage | BenchStage] = {**STAGES, BENCH: BenchStage()}
ORDER = tuple(DECLARED)


def of_preset(preset: Preset) -> tuple[str, ...]:
    """The stages that a run of this preset goes through."""
    return tuple(name for name, stage in DECLARED.items() if not stage.is_on_demand or preset.audit)
