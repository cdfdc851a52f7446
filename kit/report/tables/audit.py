"""The tables of an audit of int8: which layers and which part of the network it costs, and how far layers are off."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from kit.analysis.descriptive import wilson
from kit.report.language import Language
from kit.report.tables.table import Table, TableRow, Value, brackets, number
from kit.runs.record import read_as
from kit.runs.run import Run
from kit.stages.audit import STAGE
from kit.stages.audited import AuditValues, Layer, Trial, added_error, ranked
from kit.study.grid import Cell

_SHOWN = 8


class Audited(Struct, frozen=True):
    """What was found of one cell, and the path of its record."""

    cell: Cell
    values: AuditValues
    record: str

    def worst(self, count: int) -> list[tuple[int, Layer]]:
        """The layers that add the largest error, the largest first, with their places."""
        return [(place, self.values.layers[place]) for place in ranked(self.values.layers)[:count]]


def audits(run: Run) -> list[Audited]:
    """Those of a run, in the order of its cells. Raises KitError if a record is damaged."""
    found = ((cell, run.record(STAGE.name, cell)) for cell in run.preset.cells())
    return [
        Audited(cell, read_as(AuditValues, record.values, record), run.relative(run.record_path(STAGE.name, cell)))
        for cell, record in found
        if record
    ]


def lost(found: list[Audited], language: Language) -> Table:
    """What int8 costs each file, and the section that gives back the most of it."""
    tr = language.tr
    headers = [
        tr("cell"), tr("float32: top-1"), tr("int8: top-1 [95 %]"), tr("lost by int8, points"),
        tr("most given back by one section, points"), tr("section in float"), tr("file size with it, kB"),
    ]  # fmt: skip
    note = tr(
        "All test images, ties shared evenly, Wilson's interval. A section is a part of the network that is left in float "
        "while the rest stays int8; of the {count} sections of a file the best one is shown, so chance favors it.",
        count=", ".join(map(str, sorted({len(one.values.sections) for one in found}))),
    )
    rows = [_lost(one, language) for one in found]
    return Table("int8-loss", tr("Where int8 loses accuracy"), note, headers, rows)


def _lost(one: Audited, language: Language) -> TableRow:
    values = one.values
    int8, best = values.int8, max(values.sections, key=lambda trial: trial.top1)
    interval = brackets(*wilson(int8.top1_correct, int8.n), ".4f", language)
    return TableRow(
        [
            Value(one.cell.name),
            number(language, values.float32.top1, ".4f", one.record),
            number(language, int8.top1, ".4f", one.record, interval),
            number(language, 100 * (values.float32.top1 - int8.top1), "+z.2f", one.record),
            number(language, 100 * (best.top1 - int8.top1), "+z.2f", one.record),
            Value(_section(one, best, language)),
            number(language, best.size_bytes / 1000, ",.1f", one.record),
        ],
        one.cell,
    )


def _section(one: Audited, trial: Trial, language: Language) -> str:
    first, last = (one.values.layers[trial.layers[end]].label for end in (0, -1))
    return language.tr("{first} to {last}", first=first, last=last)


def given_back(found: list[Audited], language: Language) -> Table:
    """Top-1 of each int8 file, of the same with its worst layers in float, with each section in float, and of float32."""
    tr = language.tr
    headers = [
        tr("cell"), tr("left in float"), tr("operators"), tr("top-1 [95 %]"), tr("given back, points"), tr("file size, kB"),
    ]  # fmt: skip
    note = tr(
        "The worst layers are those that add the largest error; what writes their inputs is left in float with them, since "
        "they read integers otherwise. Sections are parts of the network, each left in float alone. All test images, ties "
        "shared evenly, Wilson's interval; given back: top-1 minus that of the int8 file."
    )
    rows = [row for one in found for row in _trials(one, language)]
    return Table("int8-layers-in-float", tr("What leaving layers in float gives back"), note, headers, rows, is_long=True)


def _trials(one: Audited, language: Language) -> Iterator[TableRow]:
    values, tr = one.values, language.tr
    yield _trial(one, values.int8, tr("nothing: int8"), language)
    before = 0
    for trial in values.worst:
        names = ", ".join(values.layers[place].label for place in trial.layers[before:])
        before = len(trial.layers)
        yield _trial(one, trial, tr("the worst {count}, with {names}", count=before, names=names), language)
    for trial in values.sections:
        yield _trial(one, trial, _section(one, trial, language), language)
    yield _trial(one, values.float32, tr("everything: float32"), language)


def _trial(one: Audited, trial: Trial, what: str, language: Language) -> TableRow:
    interval = brackets(*wilson(trial.top1_correct, trial.n), ".4f", language)
    return TableRow(
        [
            Value(one.cell.name),
            Value(what),
            number(language, len(trial.in_float), ",d", one.record),
            number(language, trial.top1, ".4f", one.record, interval),
            number(language, 100 * (trial.top1 - one.values.int8.top1), "+z.2f", one.record),
            number(language, trial.size_bytes / 1000, ",.1f", one.record),
        ],
        one.cell,
    )


def worst(found: list[Audited], language: Language) -> Table:
    """The layers of each int8 file that add the largest error."""
    tr = language.tr
    headers = [
        tr("cell"), tr("place"), tr("layer"), tr("operator"), tr("adds"), tr("up to here"), tr("own error"), tr("weights"),
        tr("step of the input"),
    ]  # fmt: skip
    images = sorted({one.values.calibration_images for one in found})
    note = tr(
        "RMS error over RMS of the float values, over {images} calibration images. Up to here: of all layers up to this "
        "one; adds: how much more that is than in what it reads; own error: of the layer alone, with integers as input; "
        "weights: of its weights. Step: what one integer of the input stands for. The {count} worst of each file; the "
        "record has all.",
        images=", ".join(map(str, images)), count=_SHOWN,
    )  # fmt: skip
    rows = [row for one in found for row in _worst(one, language)]
    return Table("int8-worst-layers", tr("Which layers int8 takes farthest from float32"), note, headers, rows, is_long=True)


def _worst(one: Audited, language: Language) -> Iterator[TableRow]:
    layers = one.values.layers
    for place, layer in one.worst(_SHOWN):
        step = max((layers[index].step for index in layer.inputs), default=None)
        yield TableRow(
            [
                Value(one.cell.name),
                Value(str(place + 1), place + 1),
                Value(layer.label),
                Value(layer.operator),
                number(language, added_error(layers, place), ".2%", one.record),
                number(language, layer.accumulated_error, ".2%", one.record),
                number(language, layer.own_error, ".2%", one.record),
                number(language, layer.weights_error, ".2%", one.record),
                number(language, step, ".3g", one.record),
            ],
            one.cell,
        )
