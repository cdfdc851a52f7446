"""The tasks of a run and their order, which follows from what each stage reads and writes; and about how long each takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from kit.errors import KitError
from kit.runs.artifacts import Artifact
from kit.stages.registry import STAGES
from kit.study.grid import Cell
from kit.study.preset import Preset
from kit.workflow.stages import DECLARED


class Task(Struct, frozen=True):
    """One stage at one cell."""

    stage: str
    cell: Cell

    @property
    def name(self) -> str:
        return f"{self.stage} {self.cell.name}"


class Job(Struct, frozen=True):
    """Tasks that one process does in order, and for each the tasks that it needs."""

    tasks: tuple[Task, ...]
    needs: tuple[tuple[Task, ...], ...]

    def needs_of(self, task: Task) -> tuple[Task, ...]:
        return self.needs[self.tasks.index(task)]

    def needs_first(self) -> set[Task]:
        """What other jobs have to finish first."""
        return {need for needs in self.needs for need in needs} - set(self.tasks)

    def only(self, tasks: Sequence[Task]) -> Job:
        """The same job with some of its tasks left."""
        return Job(tuple(tasks), tuple(self.needs_of(task) for task in tasks))


class Graph:
    """All tasks of some cells, in the order in which a cell goes through the stages."""

    def __init__(self, cells: Iterable[Cell]) -> None:
        places = dict.fromkeys(place for cell in cells for place in (cell.trained, cell.variant, cell))
        seed = next((place.seed for place in places), None)
        self.tasks = [
            Task(name, place)
            for place in places
            for name, stage in DECLARED.items()
            if stage.applies(place) and not (stage.is_on_demand and place.seed != seed)
        ]
        self._makers = {Artifact(task.cell, file): task for task in self.tasks for file in DECLARED[task.stage].outputs}

    def needs(self, task: Task) -> tuple[Task, ...]:
        """The tasks that write what this one reads."""
        return tuple(self._makers[artifact] for artifact in DECLARED[task.stage].inputs(task.cell))

    def wanted(self, stages: Sequence[str]) -> list[Task]:
        """The tasks of some stages, and those that they need, which come first."""
        found: dict[Task, None] = {}
        for task in self.tasks:
            if task.stage in stages:
                self._add(task, found)
        return list(found)

    def _add(self, task: Task, found: dict[Task, None]) -> None:
        for need in self.needs(task):
            self._add(need, found)
        found.setdefault(task)

    def jobs(self, tasks: Iterable[Task]) -> list[Job]:
        """The tasks by the process that they share: one for all of a variant that TensorFlow has to be loaded for. Benches
        are left out: they run last, alone on the machine."""
        groups: dict[tuple[Cell, str], list[Task]] = {}
        for task in tasks:
            if task.stage in STAGES:
                groups.setdefault((task.cell.variant, STAGES[task.stage].process), []).append(task)
        return [Job(tuple(group), tuple(self.needs(task) for task in group)) for group in groups.values()]


def select(preset: Preset, patterns: Sequence[str] = ()) -> list[Cell]:
    """The preset's cells that match any of `patterns`; all without patterns. Raises KitError if one matches nothing."""
    cells = preset.cells()
    for pattern in patterns:
        if not any(cell.matches(pattern) for cell in cells):
            raise KitError(f"{pattern} is not in preset {preset.name}", _way_out(pattern, preset))
    return [cell for cell in cells if not patterns or any(cell.matches(pattern) for pattern in patterns)]


def _way_out(pattern: str, preset: Preset) -> str:
    first, _, seed = pattern.partition("/")[0].partition("@")
    if first in preset.extra_architectures and first not in preset.architectures:
        return f"it is one of its extra architectures: kit reproduce --preset {preset.name} --all"
    if first in preset.architectures and seed and int(seed) not in preset.seeds:
        return f"add {int(seed)} to the preset's `seeds`, which are {list(preset.seeds)}"
    return f"it has {', '.join(preset.architectures)}, seeds {', '.join(map(str, preset.seeds))}"


def estimate_s(task: Task, preset: Preset) -> float:
    """About how many seconds a task takes on one core of a PC. Only for `--dry-run` and the time that is left."""
    return DECLARED[task.stage].estimate_s(preset, task.cell)
