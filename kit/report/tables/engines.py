"""The table of what the engine changes: int8 predictions with XNNPACK and without any delegate, as the study had it."""

from __future__ import annotations

from functools import partial

from kit.analysis import descriptive
from kit.analysis.results import Result
from kit.report.language import Language
from kit.report.tables.table import MISSING, Table, TableRow, Value, marked, number


def without_delegate(results: list[Result], language: Language) -> Table:
    """For each int8 cell the test images that are predicted otherwise by the interpreter's built-in kernels."""
    tr = language.tr
    headers = [
        tr("cell"), tr("predicted otherwise"), tr("share"), tr("top-1"), tr("top-1, no delegate"), tr("change, points"),
        tr("tied images"), tr("tied images, no delegate"),
    ]  # fmt: skip
    note = tr(
        "Evaluation runs on LiteRT with XNNPACK; TensorFlow Lite's built-in kernels round int8 otherwise. All test "
        "images through both; exact for these images. Ties are shared evenly, and a tie broken the other way is no "
        "difference. XNNPACK refuses a file with a layer that no calibration image activates: built-in kernels ran it alone."
    )
    rows = [row for r in results if (row := _row(r, language))]
    return Table("engines", tr("What the engine changes in int8 predictions"), note, headers, rows, is_long=True)


def _row(r: Result, language: Language) -> TableRow | None:
    if r.engine is None or r.test is None or r.test.tied is None:
        return None
    write, found, missing = partial(number, language), r.engine.without_delegate, Value(MISSING)
    if r.engine.delegate == "none":
        top1, tied = write(r.test.top1, ".4f", r.records.predictions), write(r.test.tied, ".2%", r.records.predictions)
        refused = Value(language.tr("XNNPACK refuses it"))
        return TableRow([Value(marked(r, language)), refused, missing, missing, top1, missing, missing, tied], r.cell)
    if found is None:
        return None
    plain = descriptive.accuracy(found.test)
    return TableRow(
        [
            Value(marked(r, language)),
            write(found.differing, ",d", r.records.predictions),
            write(found.differing / plain.n, ".2%", r.records.predictions),
            write(r.test.top1, ".4f", r.records.predictions),
            write(plain.top1, ".4f", r.records.predictions),
            write(100 * (plain.top1 - r.test.top1), "+.2f", r.records.predictions),
            write(r.test.tied, ".2%", r.records.predictions),
            write(plain.tied, ".2%", r.records.predictions),
        ],
        r.cell,
    )
