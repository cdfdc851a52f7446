"""Several runs together: the claims with one column a run, the cells with one column a run, and what seeds change."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from kit.analysis.results import Result
from kit.analysis.summary import Study
from kit.analysis.trainings import OverSeeds
from kit.report.language import Language
from kit.report.page import Section
from kit.report.tables.table import MISSING, Table, TableRow, Value, marks, number
from kit.report.tables.trainings import over_trainings
from kit.report.tables.verdicts import by_training
from kit.study.grid import named

_METRICS = {  # of `OverSeeds`: number format, and what the number is divided by
    "top1": (".4f", 1),
    "top3": (".4f", 1),
    "loss": (".3f", 1),
    "train_top1": (".4f", 1),
    "size_bytes": (",.1f", 1000),
    "gzip_bytes": (",.1f", 1000),
    "latency_us": (",.1f", 1),
    "memory_bytes": (",.2f", 1_000_000),
}


def together(study: Study, sections: Sequence[Section], language: Language) -> list[Table]:
    """The tables over all runs; none where there is one run."""
    if len(sections) < 2:
        return []
    made = [
        *over_trainings(study, language),
        by_training("together-claims", study.runs, language),
        *_cells(sections, language),
        _seeds(study.seeds, language),
    ]
    return [table for table in made if table.rows]


def _cells(sections: Sequence[Section], language: Language) -> list[Table]:
    tr = language.tr
    place = tr("Each run's own section says where and how it was measured.")
    images = tr("Test images of each run's data set.")
    return [
        _metric("top1", tr("Top-1 accuracy, run by run"), f"{images} {place}", sections, language),
        _metric("gzip", tr("Size after gzip in kB, run by run"), tr("Exact: n = 1, no spread."), sections, language),
        _metric("latency", tr("Latency in µs, run by run"), place, sections, language),
    ]  # fmt: skip


def _metric(metric: str, title: str, note: str, sections: Sequence[Section], language: Language) -> Table:
    found = [{r.point: r for r in section.material.results} for section in sections]
    cells = dict.fromkeys(cell for results in found for cell in results)
    rows = [TableRow([Value(cell.name), *(_one(metric, by.get(cell), language) for by in found)], cell) for cell in cells]
    return Table(f"together-{metric}", title, note, [language.tr("cell"), *(s.name for s in sections)], rows)


def _one(metric: str, r: Result | None, language: Language) -> Value:
    if r is None:
        return Value(MISSING)
    write = partial(number, language)
    if r.stale and getattr(r, {"top1": "test", "gzip": "gzip_bytes"}.get(metric, metric)) is None:
        return Value(language.tr("(stale)"))
    if metric == "top1":
        return write(r.test.top1 if r.test else None, ".4f", "")
    if metric == "gzip":
        return write(None if r.gzip_bytes is None else r.gzip_bytes / 1000, ",.1f", "")
    return write(r.latency.value if r.latency else None, ",.0f", "", marks(r, language))


def _seeds(seeds: Sequence[OverSeeds], language: Language) -> Table:
    """Mean and standard deviation of each metric, one row a cell."""
    tr = language.tr
    names = {
        "top1": tr("top-1"), "top3": tr("top-3"), "loss": tr("loss"), "train_top1": tr("top-1 train"),
        "size_bytes": tr("file kB"), "gzip_bytes": tr("gzip kB"), "latency_us": tr("latency, µs"),
        "memory_bytes": tr("peak memory MB"),
    }  # fmt: skip
    by_cell: dict[str, dict[str, OverSeeds]] = {}
    for one in seeds:
        by_cell.setdefault(one.cell, {})[one.metric] = one
    rows = [
        TableRow([Value(cell), *(_over(metrics.get(name), language) for name in names)], named(cell))
        for cell, metrics in by_cell.items()
    ]
    note = tr("Runs that differ only in the seed: mean ± standard deviation of the sample (n - 1); n is the number of runs.")
    return Table("together-seeds", tr("What the seed changes"), note, [tr("cell"), *names.values()], rows)


def _over(one: OverSeeds | None, language: Language) -> Value:
    if one is None or one.deviation is None:
        return Value(MISSING)
    spec, unit = _METRICS[one.metric]
    mean, deviation = (language.number(value / unit, spec) for value in (one.mean, one.deviation))
    return Value(f"{mean} ± {deviation} (n = {one.n})", one.mean / unit)
