"""Several runs together: the claims with one column a run, the cells with one column a run, and what seeds change."""

from __future__ import annotations

from collections.abc import Sequence

from kit.report.answers import outcome_text
from kit.report.language import Language
from kit.report.page import Section
from kit.report.results import Result
from kit.report.study import OverSeeds, Study
from kit.report.tables import MISSING, Numbers, Row, Table, Value, marks
from kit.study.cells import named
from kit.study.claims import claims

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
    made = [_claims(study, language), *_cells(sections, language), _seeds(study.seeds, language)]
    return [table for table in made if table.rows]


def _claims(study: Study, language: Language) -> Table:
    tr = language.tr
    rows = []
    for index, claim in enumerate(claims()):
        outcomes = [run.verdicts[index].outcome for run in study.runs]
        values = [Value(outcome_text(outcome, language), tone=outcome.value) for outcome in outcomes]
        rows.append(Row([Value(f"{claim.number}. {claim.statement[language.code]}"), *values]))
    note = tr("Reasons, tests and evidence stand with each run below.")
    headers = [tr("claim"), *(run.name for run in study.runs)]
    return Table("together-claims", tr("The claims, run by run"), note, headers, rows)


def _cells(sections: Sequence[Section], language: Language) -> list[Table]:
    tr = language.tr
    place = tr("Each run's own section says where and how it was measured.")
    images = tr("Test images of each run's data set.")
    return [
        _metric("top1", tr("Top-1 accuracy, run by run"), f"{images} {place}", sections, language),
        _metric("gzip", tr("Size after gzip in kB, run by run"), tr("Exact: n = 1, no spread."), sections, language),
        _metric("latency", tr("Median latency in µs, run by run"), place, sections, language),
    ]  # fmt: skip


def _metric(metric: str, title: str, note: str, sections: Sequence[Section], language: Language) -> Table:
    found = [{r.cell: r for r in section.material.results} for section in sections]
    cells = dict.fromkeys(cell for results in found for cell in results)
    rows = [Row([Value(cell.name), *(_one(metric, by.get(cell), language) for by in found)], cell) for cell in cells]
    return Table(f"together-{metric}", title, note, [language.tr("cell"), *(s.name for s in sections)], rows)


def _one(metric: str, r: Result | None, language: Language) -> Value:
    if r is None:
        return Value(MISSING)
    write = Numbers(r.cell, language)
    if metric == "top1":
        return write(r.test.top1 if r.test else None, ".4f", "")
    if metric == "gzip":
        return write(None if r.gzip_bytes is None else r.gzip_bytes / 1000, ",.1f", "")
    return write(r.latency.spread.median if r.latency else None, ",.0f", "", marks(r, language))


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
        Row([Value(cell), *(_over(metrics.get(name), language) for name in names)], named(cell))
        for cell, metrics in by_cell.items()
    ]
    note = tr("Runs that differ only in the seed: mean ± standard deviation of the sample (n - 1); n is the number of runs.")
    return Table("together-seeds", tr("What the seed changes"), note, [tr("cell"), *names.values()], rows)


def _over(one: OverSeeds | None, language: Language) -> Value:
    if one is None:
        return Value(MISSING)
    spec, unit = _METRICS[one.metric]
    mean, deviation = (language.number(value / unit, spec) for value in (one.mean, one.deviation))
    return Value(f"{mean} ± {deviation} (n = {one.n})", one.mean / unit)
