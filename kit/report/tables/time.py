"""The table of how long the recorded work took."""

from __future__ import annotations

import msgspec

from kit.analysis.material import Material
from kit.report.language import Language
from kit.report.tables.table import Table, TableRow, Value, number
from kit.runs.artifacts import WEIGHTS
from kit.runs.record import Record
from kit.stages.registry import STAGES
from kit.workflow.stages import BENCH, ORDER


def spent(material: Material, language: Language) -> Table:
    """Hours and core-hours of each stage, and of all."""
    tr, names = language.tr, [cell.name for cell in material.run.preset.cells()]
    known = {*names, *(cell.variant.name for cell in material.run.preset.cells())}
    records = [source.record for source in material.sources if source.record.cell in known]
    by_stage = {stage: [record for record in records if record.stage == stage] for stage in ORDER}
    rows = [_row(stage, own, language) for stage, own in by_stage.items() if own]
    if rows:
        rows.append(_row(tr("all stages"), [record for own in by_stage.values() for record in own], language))
    note = tr(
        "Hours that the recorded work took, one after the other. Core-hours: times the threads of a training process; other "
        "stages count as one thread, which is a lower bound. A bench measures many cells in one session, which counts once. "
        "Work that was stopped and done again is not in it."
    )
    headers = [tr("stage"), tr("records"), tr("hours"), tr("core-hours"), tr("longest, minutes")]
    return Table("time", tr("Training time"), note, headers, rows)


def _row(name: str, records: list[Record], language: Language) -> TableRow:
    pieces = {_piece(record): (record.duration_s, _threads(record)) for record in records}.values()
    durations_s = [duration_s for duration_s, _ in pieces]
    cores_s = sum(duration_s * threads for duration_s, threads in pieces)
    return TableRow(
        [
            Value(name),
            number(language, len(records), ",d"),
            number(language, sum(durations_s) / 3600, ",.2f"),
            number(language, cores_s / 3600, ",.2f"),
            number(language, max(durations_s) / 60, ",.1f"),
        ]
    )


def _piece(record: Record) -> tuple[str, ...]:
    """The piece of work whose duration a record says: all records of a bench's session say that of the session."""
    if record.stage != BENCH:
        return record.stage, record.cell
    settings = {**record.settings, "parity_images": 0}
    return record.stage, record.started, msgspec.json.encode(settings, order="sorted").decode()


def _threads(record: Record) -> int:
    """Only a stage that makes weights uses the threads in its settings all the time."""
    threads = record.settings.get("threads", 1)
    makes_weights = record.stage in STAGES and WEIGHTS in STAGES[record.stage].outputs
    return threads if makes_weights and isinstance(threads, int) else 1
