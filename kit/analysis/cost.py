"""What further trainings take, by how long those of the run took."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from statistics import fmean

from msgspec.structs import replace

from kit.analysis.evidence import RunEvidence
from kit.analysis.verdicts import Message, Verdict, sentences
from kit.stages.registry import STAGES
from kit.study.grid import Point, named


def with_cost(verdict: Verdict, each: Sequence[RunEvidence]) -> Verdict:
    """The verdict with how long its further trainings take on one core, if it needs some and durations are recorded."""
    one_s = seconds_of_one(each, cells_of(verdict)) if verdict.more else None
    if not verdict.more or not one_s:
        return verdict
    took_s = verdict.more * one_s
    hours = float(f"{took_s / 3600:.2g}")  # a guess has no more digits
    said = Message("That takes about {hours:,.6g} hours of one core as here.", {"hours": hours})
    return replace(verdict, more_s=round(took_s), reason=sentences((verdict.reason, said)))


def cells_of(verdict: Verdict) -> list[Point]:
    """The cells that a verdict rests on, by the records of its evaluations."""
    places = (PurePosixPath(path).parent.parts[-3:] for row in verdict.evidence for path in row.records)
    return sorted({named("/".join(place)).point for place in places})


def seconds_of_one(each: Sequence[RunEvidence], cells: Iterable[Point]) -> float | None:
    """How long one training of these cells takes with all that follows, from the records: the mean over the seeds that have
    them all; None if none has. Seconds of one process."""
    found = [seconds for one in each if (seconds := _seconds(one, list(cells))) is not None]
    return fmean(found) if found else None


def _seconds(one: RunEvidence, points: Sequence[Point]) -> float | None:
    cells = [one.cell(point) for point in points]
    places = dict.fromkeys(place for cell in cells for place in (cell.trained, cell.variant, cell))
    records = [one.run.record(stage.name, place) for place in places for stage in STAGES.values() if stage.applies(place)]
    known = [record.duration_s for record in records if record is not None]
    return sum(known) if known and len(known) == len(records) else None
