"""The tasks of a run: what has to be done for which cell, what each needs first, and about how long it takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from kit.errors import KitError
from kit.study.architectures import architecture
from kit.study.cells import Cell
from kit.study.datasets import dataset
from kit.study.preset import Preset


class Task(Struct, frozen=True):
    """One stage at one cell."""

    stage: str
    cell: Cell

    @property
    def name(self) -> str:
        return f"{self.stage} {self.cell.name}"

    def needs(self) -> tuple[Task, ...]:
        """The tasks whose outputs this one reads."""
        cell = self.cell
        if self.stage == "prune":
            return (Task("train", Cell(cell.architecture, 0)),)
        if self.stage == "convert":
            return (Task("prune" if cell.sparsity else "train", cell.variant),)
        if self.stage == "train":
            return ()
        return (Task("convert", cell),)


class Job(Struct, frozen=True):
    """Tasks that one process does in order. An exclusive job measures time, so nothing else runs beside it."""

    tasks: tuple[Task, ...]
    exclusive: bool = False

    def needs(self) -> set[Task]:
        """What other jobs have to finish first."""
        return {need for task in self.tasks for need in task.needs()} - set(self.tasks)


def select(preset: Preset, patterns: Sequence[str] = ()) -> list[Cell]:
    """The preset's cells that match any of `patterns`; all without patterns. Raises KitError where one matches nothing."""
    cells = preset.cells()
    for pattern in patterns:
        if not any(cell.matches(pattern) for cell in cells):
            raise KitError(f"{pattern} is not in preset {preset.name}", "add it to the preset, or use --all")
    return [cell for cell in cells if not patterns or any(cell.matches(pattern) for pattern in patterns)]


def jobs(cells: Iterable[Cell], stages: Sequence[str]) -> list[Job]:
    """The jobs of some stages over some cells, and of the stages that must come before them."""
    wanted: dict[Task, None] = {}
    for cell in cells:
        for stage in stages:
            task = Task(stage, cell.variant if stage in ("train", "prune") else cell)
            if stage == "prune" and not cell.sparsity:
                continue
            if stage == "train":
                task = Task("train", Cell(cell.architecture, 0))
            if all(name.startswith("bench") for name in stages):
                wanted.setdefault(task)  # what is there is measured as it is: nothing is trained for it
            else:
                _add(task, wanted)
    groups: dict[tuple[Cell, str], list[Task]] = {}
    for task in wanted:
        if task.stage == "evaluate":
            key = (task.cell.variant, "evaluate")
        elif task.stage.startswith("bench"):
            key = (task.cell, "bench")
        else:
            key = (task.cell.variant, "tensorflow")
        groups.setdefault(key, []).append(task)
    return [Job(tuple(tasks), exclusive=kind == "bench") for (_, kind), tasks in groups.items()]


def _add(task: Task, wanted: dict[Task, None]) -> None:
    for need in task.needs():
        _add(need, wanted)
    wanted.setdefault(task)


def estimate_s(task: Task, preset: Preset) -> float:
    """About how many seconds a task takes on one core of a PC. Only for `--dry-run` and the time that is left."""
    data, rate = dataset(preset.dataset), architecture(task.cell.architecture).training_images_per_s
    selection = preset.training.validation_images
    images = data.train_images - selection
    epoch_s = (images + (selection or data.test_images) / 3) / rate
    if task.stage == "train":
        return 15 + preset.training.epochs * epoch_s
    if task.stage == "prune":
        return 20 + preset.pruning.schedules[str(task.cell.sparsity)].epochs * epoch_s * 1.3
    if task.stage == "evaluate":
        return 1 + (data.train_images + data.test_images) / (rate * 4)
    return 4.0 if task.stage == "convert" else preset.bench.processes * 0.5
