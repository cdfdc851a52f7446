"""What comes back from a worker is believed only as far as it can be checked: the head knows what each task has to leave."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kit.cluster.incoming import Incoming
from kit.runs.record import Record, encode_record, is_whole
from kit.runs.run import Run
from kit.stages.registry import STAGES
from kit.workflow.graph import Task


def outputs(run: Run, task: Task) -> list[str]:
    """The paths, in the run, of the files that a task writes."""
    return [run.relative(run.path(task.cell, file)) for file in STAGES[task.stage].outputs]


def scratch(run: Run, task: Task) -> list[str]:
    """The same of its checkpoints."""
    return [run.relative(run.path(task.cell, file)) for file in STAGES[task.stage].scratch]


def objection(run: Run, task: Task, content: bytes, incoming: Mapping[str, Incoming]) -> str:
    """What is wrong with a record or with the files that came before it; empty if it is what the head would have made."""
    try:
        record = msgspec.json.decode(content, type=Record)
        stage = STAGES[task.stage]
        msgspec.convert(record.values, stage.values)
    except msgspec.MsgspecError as error:
        return f"its record cannot be read ({error})"
    if (record.stage, record.cell) != (task.stage, task.cell.name) or not is_whole(record):
        return "its record is of something else"
    if record.fingerprint != stage.fingerprint(run, task.cell):
        return "it was made with other settings or inputs"
    if sorted(record.outputs) != sorted(outputs(run, task)):
        return "it wrote other files"
    for name, sha256 in record.outputs.items():
        if name not in incoming or not incoming[name].is_whole(sha256):
            return f"{name} did not arrive as it was sent"
    return ""


def noted(content: bytes, environment: Mapping[str, object]) -> bytes:
    """The record with some of its environment replaced, as it is written."""
    record = msgspec.json.decode(content, type=Record)
    return encode_record(msgspec.structs.replace(record, environment={**record.environment, **environment}))
