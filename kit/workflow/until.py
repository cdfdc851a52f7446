"""Add seeds to a run until claims are decided, by a plan that is kept beside its preset: the same command resumes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from kit import console
from kit.errors import KitError
from kit.runs.artifacts import PRESET
from kit.runs.looks import Looks
from kit.runs.run import Run, open_run
from kit.stages.registry import STAGES
from kit.study.preset import Preset
from kit.workflow.reproduce import RunRequest
from kit.workflow.scheduler import TaskOutcomes

Make = Callable[[RunRequest], TaskOutcomes]
Open = Callable[[Run, Sequence[int]], list[str]]


def until_decided(request: RunRequest, looks: Looks, open_cells: Open, make: Make) -> tuple[TaskOutcomes, RunRequest]:
    """Make the first trainings of the plan, then one seed at a time, until all is decided or the plan is at its end.

    `open_cells` says of a run and some of its seeds which cells, named without a seed, are still open: further seeds get
    those alone. A call that resumes makes each look on the same seeds again. `make` brings a request
    up to date. Returns how the tasks ended, and the request for all cells of the first trainings. Raises KitError if a
    pattern names a seed.
    """
    if any("@" in pattern for pattern in request.patterns):
        raise KitError("--until-decided chooses the seeds itself", "name cells without a seed, such as mobilenet/s60")
    seeds = seeds_of(request.preset, looks.trainings[-1])
    names = list(request.patterns or request.preset.architectures)
    first = [with_seed(name, seed) for seed in seeds[: looks.trainings[0]] for name in names]
    patterns, outcome = first, TaskOutcomes()
    for count in looks.trainings:
        preset = msgspec.structs.replace(request.preset, seeds=seeds[: max(count, _there(request, seeds))])
        request = replace(request, preset=preset)
        _add(outcome, make(replace(request, stages=tuple(STAGES), patterns=patterns)))
        if outcome.failed:
            break
        names = open_cells(open_run(request.folder), seeds[:count])
        console.say(f"look at {count} of up to {looks.trainings[-1]} trainings: {'open' if names else 'decided'}")
        if not names or count == looks.trainings[-1]:
            break
        patterns = [with_seed(name, seeds[count]) for name in names]
    return outcome, replace(request, patterns=first)


def seeds_of(preset: Preset, most: int) -> tuple[int, ...]:
    """The preset's seeds, and the next whole numbers, `most` in all."""
    further = range(max(preset.seeds) + 1, max(preset.seeds) + 1 + most)
    return (*preset.seeds, *further)[:most]


def with_seed(name: str, seed: int) -> str:
    """`mobilenet_v2/s60` with a seed: `mobilenet_v2@4/s60`."""
    architecture, slash, rest = name.partition("/")
    return f"{architecture}@{seed}{slash}{rest}"


def _there(request: RunRequest, seeds: tuple[int, ...]) -> int:
    """How many of the plan's seeds the run has already: they stay in its preset."""
    if not (request.folder / PRESET).is_file():
        return 0
    known = open_run(request.folder).preset.seeds
    return next((index for index, seed in enumerate(seeds) if seed not in known), len(seeds))


def _add(outcome: TaskOutcomes, other: TaskOutcomes) -> None:
    """What a later call found fresh was done by an earlier one, or is counted already."""
    counted = {*outcome.done, *outcome.fresh}
    outcome.done += other.done
    outcome.fresh += [task for task in other.fresh if task not in counted]
    outcome.failed |= other.failed
    outcome.blocked += other.blocked
