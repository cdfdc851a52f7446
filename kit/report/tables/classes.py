"""Tables of what compression does to each class, and whether it does the same from training to training."""

from __future__ import annotations

import statistics
from functools import partial

from kit.analysis.concordance import concordance
from kit.analysis.material import Material
from kit.analysis.results import Result
from kit.report.language import Language
from kit.report.tables.table import MISSING, Table, TableRow, Value, number
from kit.study import architectures, datasets
from kit.study.grid import Point, label


def by_class(material: Material, language: Language) -> list[Table]:
    """For each architecture the change of each class's top-1 against its unpruned float32 cell, in percentage points."""
    tables = []
    for name in dict.fromkeys(r.cell.architecture for r in material.results):
        base = next((r for r in material.results if r.point == Point(name, 0, "float32") and r.test), None)
        others = [r for r in material.results if r.cell.architecture == name and r.test and r is not base]
        if base is not None and others:
            tables.append(_table(base, others, material, language))
    return tables


def _table(base: Result, others: list[Result], material: Material, language: Language) -> Table:
    assert base.test is not None
    tr, name, classes = language.tr, base.cell.architecture, datasets.get(material.run.preset.dataset).classes
    write, record = partial(number, language), base.records.predictions
    first = [write(100 * value, ".1f", record, "%") for value in base.test.by_class]
    is_several = len(material.run.preset.seeds) > 1
    dashes = [Value(MISSING)] * (3 if is_several else 1)
    rows = [TableRow([Value(label(base.point)), *first, *dashes], base.point)]
    rows += [_row(r, base.point, is_several, material, language) for r in others]
    note = tr(
        "First row: top-1 of each class; below: change in percentage points. n = {n} test images; the last column is the "
        "standard deviation of the changes over the classes.",
        n=base.test.n,
    )
    headers = [tr("cell"), *classes, tr("spread")]
    if is_several:
        note += " " + concordance_note(language)
        headers += [tr("Kendall's W"), "p"]
    title = tr("Top-1 by class: {architecture}", architecture=architectures.label(name))
    return Table(f"classes-{name}", title, note, headers, rows, is_long=True)


def concordance_note(language: Language) -> str:
    """What Kendall's W of the changes by class says."""
    return language.tr(
        "Changes are means over trainings, each against its own unpruned network. Kendall's W says whether the same classes "
        "suffer in each training: 1 if all rank the classes alike, about 1 / n if n trainings rank them by chance; p by "
        "Friedman's test."
    )


def _row(r: Result, base: Point, is_several: bool, material: Material, language: Language) -> TableRow:
    write, record = partial(number, language), r.records.predictions
    each = material.class_changes(r.point, base)
    changes = [100 * statistics.fmean(column) for column in zip(*each, strict=True)]
    written = [write(change, "+.1f", record) for change in changes]
    values = [Value(label(r.point)), *written, write(statistics.pstdev(changes), ".1f", record)]
    if is_several:
        found = concordance(each)
        around = f"(n = {len(each)})"
        values.append(write(found.w, ".2f", record, around) if found else Value(MISSING))
        values.append(write(found.p, ".2g") if found else Value(MISSING))
    return TableRow(values, r.point)
