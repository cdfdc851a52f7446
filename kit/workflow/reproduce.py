"""Bring a run up to date: lock its folder, get the data, run what is stale, and report how it ended."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from kit import console, store
from kit.containers import image
from kit.datasets import cifar10, prepare
from kit.errors import KitError
from kit.runs import bundle
from kit.runs.artifacts import WEIGHTS
from kit.runs.record import Record
from kit.runs.run import Run, create, existing, open_run
from kit.runs.stage import Finding
from kit.stages.registry import STAGES
from kit.study import code, possible
from kit.study.datasets import OwnDataset
from kit.study.networks import settled as settled_network
from kit.study.networks import source
from kit.study.preset import Preset
from kit.workflow import graph, local, progress, scheduler
from kit.workflow.executor import Executor
from kit.workflow.graph import Graph, Task
from kit.workflow.measuring import measure
from kit.workflow.stages import BENCH
from kit.workflow.standing import findings

Elsewhere = Callable[[Run, Path], AbstractContextManager[Executor]]


@dataclass(frozen=True)
class RunRequest:
    """Which stages of which cells are wanted, in which run. `archive` is a local archive of the data set. `replace` allows
    to overwrite weights that other settings made. `elsewhere` makes an executor of other machines. `is_named`: the preset is
    one that the user named; else it is the run's own, and may be a stranger's."""

    folder: Path
    preset: Preset
    stages: Sequence[str]
    patterns: Sequence[str] = ()
    data: Path = Path("data")
    archive: Path | None = None
    workers: int | None = None
    replace: bool = False
    elsewhere: Elsewhere | None = None
    is_named: bool = True

    @property
    def count(self) -> int:
        """Number of parallel processes."""
        return self.workers or local.default_slots(self.preset.threads)


def bring_up_to_date(request: RunRequest) -> scheduler.TaskOutcomes:
    """Run the stale stages of the cells that are wanted, and the stages before them. Returns how each task ended.

    Raises KitError if that would overwrite weights that other settings made, unless the request allows it.
    """
    folder, preset, data = request.folder, request.preset, request.data
    cells = graph.select(preset, request.patterns)
    with store.exclusive(folder) as lock:
        progress.clear(folder)
        tasks = Graph(cells)
        wanted = tasks.wanted(request.stages)
        if not request.replace and isinstance(preset.dataset, str):
            _keep_weights(existing(folder, preset), wanted)
        if not bundle.left_out(existing(folder, preset)):  # a bundle is measured, not made
            prepare.prepare(data, preset.dataset, request.archive)
        request = dataclasses.replace(request, preset=settled(request))
        possible.refuse(request.preset, preset.name)
        if not request.replace:
            _keep_weights(existing(folder, request.preset), wanted)
        if request.preset.quantization != preset.quantization:
            console.say("official order of the images unknown: int8 is calibrated on the first in canonical order instead")
        planned, count = preview(request), request.count
        for line in _code(request, planned):
            console.say(line)
        run = create(folder, request.preset)
        image.keep(folder)
        with progress.Watcher(run, progress.new_board([(one.task, one.estimate_s) for one in planned], count)) as watcher:
            with _executor(request, run, lock, planned) as executor:
                outcome = scheduler.execute(run, tasks.jobs(wanted), executor, watcher)
            measure(run, tasks, [task for task in wanted if task.stage == BENCH], outcome, watcher)
            return outcome


def settled(request: RunRequest) -> Preset:
    """The preset as the prepared data set allows it: where the official order of its images is unknown, calibration is in
    canonical order, and the user's own pictures are what was found in them. A bundle, which has no images, keeps its own.
    """
    preset, present = request.preset, existing(request.folder, request.preset)
    own = _found(request, present)
    order = preset.quantization.calibration_order
    if order == "official" and bundle.left_out(present):
        order = open_run(request.folder).preset.quantization.calibration_order
    elif order == "official" and prepare.is_prepared(request.data, preset.dataset):
        order = order if prepare.knows_official_order(request.data, preset.dataset) else "canonical"
    quantization = msgspec.structs.replace(preset.quantization, calibration_order=order)
    networks = {name: settled_network(name, one, request.folder) for name, one in preset.networks.items()}
    return msgspec.structs.replace(preset, quantization=quantization, dataset=own, networks=networks)


def _found(request: RunRequest, present: Run) -> str | OwnDataset:
    """The data set with what is in it. What was not prepared yet is counted only: that is enough to say what would run."""
    source = request.preset.dataset
    if isinstance(source, str):
        return source
    if bundle.left_out(present):
        return open_run(request.folder).preset.dataset
    settled = prepare.settled(request.data, source)
    return prepare.counted(settled) if settled.found is None else settled


def _code(request: RunRequest, planned: Sequence[Planned]) -> list[str]:
    """Which of the user's files will be run. Raises KitError if only the run itself names one that is elsewhere."""
    todo = [one.task for one in planned if not one.finding.is_done and one.task.stage in STAGES]
    names = {task.cell.architecture for task in todo if STAGES[task.stage].process == "tensorflow"}
    said = []
    for name, network in request.preset.networks.items():
        if name in names and network.build:
            files = code.reached(source(network.build)[0])
            if not request.is_named and not all(path.resolve().is_relative_to(Path.cwd()) for path in files):
                wrong = f"only {request.folder}/preset.json names {files[0]}, which would be run to build {name}"
                raise KitError(wrong, "if you know both, name your preset: kit reproduce --preset FILE.toml")
            said.append(f"runs {', '.join(map(str, files))} to build {name}")
    return said


def _executor(request: RunRequest, run: Run, lock: int, planned: Sequence[Planned]) -> AbstractContextManager[Executor]:
    """Other machines, if any are asked for and there is something to do for them; else processes on this one."""
    stages = {STAGES[one.task.stage].process for one in planned if one.task.stage in STAGES and not one.finding.is_done}
    if request.elsewhere is not None and stages:
        return request.elsewhere(run, request.data)
    return local.processes(run, request.data, request.count, lock, warm="tensorflow" in stages)


class Planned(Struct, frozen=True):
    """A task, how its record stands, and about how many seconds of one core it takes: none if it is done already."""

    task: Task
    finding: Finding
    estimate_s: float


def preview(request: RunRequest) -> list[Planned]:
    """What would run. A task whose input would be made anew counts as not done."""
    if request.archive is not None:
        cifar10.require(request.archive)
    preset = settled(request)
    tasks = Graph(graph.select(preset, request.patterns)).wanted(request.stages)
    return [
        Planned(task, found, 0.0 if found.is_done else graph.estimate_s(task, preset))
        for task, found in findings(existing(request.folder, preset), tasks).items()
    ]


def _keep_weights(run: Run, tasks: Sequence[Task]) -> None:
    """Raise KitError if one of `tasks` would overwrite finished weights."""
    lost = list(_finished_otherwise(run, tasks))
    if lost:
        took = console.duration(sum(record.duration_s for record, _ in lost))
        record, moved = lost[0]
        many = console.counted(len(lost), "finished training", "finished trainings")
        raise KitError(
            f"{run.folder} has {many} of other settings, {took} of work: {record.stage} {record.cell} has {moved}",
            "choose another folder with --run, or overwrite them with --replace",
        )


def _finished_otherwise(run: Run, tasks: Sequence[Task]) -> Iterator[tuple[Record, str]]:
    for task in tasks:
        stage = STAGES.get(task.stage)
        if stage is None or WEIGHTS not in stage.outputs:
            continue
        with suppress(KitError):  # losing a damaged record does not matter
            record = run.record(task.stage, task.cell)
            moved = stage.moved(run, task.cell, record) if record else []
            if record and stage.has_other_images(run, record):
                moved.append("images that are no longer those of the data set")
            if record and moved:
                yield record, ", ".join(moved)
