"""`kit reproduce --dry-run`: what would run, and about how long it takes on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kit import console
from kit.errors import KitError

if TYPE_CHECKING:
    from kit.workflow.reproduce import Planned, RunRequest

_WORTH_S = 600.0  # what is sooner done is not worth the time that measuring takes


def show(request: RunRequest, as_json: bool) -> None:
    """Say what would run, and about how long. Where that is long, a few steps of each network are timed first."""
    from kit.workflow import reproduce

    rows, source = reproduce.preview(request), "rates of a PC"
    if sum(row.estimate_s for row in rows) >= _WORTH_S:
        rows, source = measured(request, rows)
    if as_json:
        _json(rows, request.count, source)
        return
    for row in rows:
        about = "done already" if row.finding.is_done else f"about {console.duration(row.estimate_s)}"
        why = f" ({row.finding.state}: {'; '.join(row.finding.why)})" if row.finding.why else ""
        console.say(f"{row.task.name}: {about}{why}")
    left = sum(not row.finding.is_done for row in rows)
    took = console.duration(sum(row.estimate_s for row in rows) / request.count)
    tasks, workers = console.counted(len(rows), "task", "tasks"), console.counted(request.count, "worker", "workers")
    console.say(f"{left} of {tasks}, about {took} with {workers} ({source}), into {request.folder}")
    training = request.preset.training
    if training.patience_epochs < training.epochs:
        epochs = console.counted(training.patience_epochs, "epoch", "epochs")
        console.say(f"less if a training stops early, {epochs} after its best")


def measured(request: RunRequest, rows: Sequence[Planned]) -> tuple[list[Planned], str]:
    """The rows with this machine's rates instead of the table's, and where the rates are from."""
    import msgspec

    from kit.workflow import probe, reproduce

    names = list(dict.fromkeys(row.task.cell.architecture for row in rows if not row.finding.is_done))
    try:
        slower = probe.slowness(reproduce.settled(request), names, request.count)
    except KitError as error:
        return list(rows), f"rates of a PC; {error.wrong}"
    return [
        msgspec.structs.replace(row, estimate_s=row.estimate_s * slower.get(row.task.cell.architecture, 1.0)) for row in rows
    ], "measured here, a few steps of each network"


def _json(rows: Sequence[Planned], workers: int, source: str) -> None:
    import msgspec

    tasks = [
        {
            "task": row.task.name,
            "fresh": row.finding.is_done,
            "state": row.finding.state,
            "why": row.finding.why,
            "estimate_s": round(row.estimate_s),
        }
        for row in rows
    ]
    estimate_s = round(sum(row.estimate_s for row in rows) / workers)
    console.print_json(msgspec.json.encode({"tasks": tasks, "workers": workers, "estimate_s": estimate_s, "rates": source}))
