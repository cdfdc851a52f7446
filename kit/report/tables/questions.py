"""What a run says of any network: what int8 costs, how far it can be pruned, and what fits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from kit.analysis.front import Choice, choices
from kit.analysis.material import Material
from kit.analysis.tradeoffs import TOLERATED, Step, Tradeoff
from kit.report.language import Language
from kit.report.tables.table import MISSING, Table, TableRow, Value, brackets, number

_FILES_KB = (250, 500, 1000, 2000, 5000)
_LATENCIES_MS = (1, 5, 20, 100)


def questions(material: Material, language: Language) -> list[Table]:
    """The tables that have rows."""
    found = [int8(material, language), pruning(material, language), fitting(material, language)]
    return [table for table in found if table.rows]


def int8(material: Material, language: Language) -> Table:
    """Each int8 point against float32."""
    return _table("cost-of-int8", language.tr("What does int8 cost?"), "int8", material, language)


def pruning(material: Material, language: Language) -> Table:
    """Each pruned point against the unpruned one."""
    made = _table("cost-of-pruning", language.tr("How far can it be pruned?"), "pruning", material, language)
    return replace(made, note=f"{_farthest(material, language)} {made.note}")


def _farthest(material: Material, language: Language) -> str:
    """The answer in one sentence: the highest sparsity of each network and precision that costs less than a point."""
    farthest: dict[str, int] = {}
    for one in material.tradeoffs:
        if one.step == "pruning":
            name = f"{one.point.architecture} {one.point.precision}"
            farthest[name] = max(farthest.get(name, 0), one.point.sparsity if one.judgement == "less" else 0)
    nothing = language.tr("not at all")
    reached = ", ".join(f"{name} {f'{most} %' if most else nothing}" for name, most in farthest.items())
    return language.tr("Pruned so far at a cost of less than a point: {reached}.", reached=reached)


def _table(key: str, title: str, step: Step, material: Material, language: Language) -> Table:
    tr = language.tr
    found = [one for one in material.tradeoffs if one.step == step]
    headers = [
        tr("cell"), tr("against"), tr("top-1, points [95 %]"), tr("costs"), tr("file, times smaller"),
        tr("gzip, times smaller"), tr("latency, ratio"), tr("classes that lose the most, points"),
    ]  # fmt: skip
    trainings = max((one.trainings for one in found), default=1)
    over = (
        tr("Means over up to {n} trainings, with Student's 95 % interval.", n=trainings)
        if trainings > 1
        else tr("One training; 95 % interval over the test images (Tango's score interval).")
    )
    note = over + " " + tr(
        "Costs: whether the whole interval lies above or below a loss of {points} point of top-1. A class has few test "
        "images, so its change is a hint.",
        points=language.number(100 * TOLERATED, ".0f"),
    )  # fmt: skip
    return Table(key, title, note, headers, [_row(one, language) for one in found])


def _row(one: Tradeoff, language: Language) -> TableRow:
    tr = language.tr
    around = "" if one.low is None or one.high is None else brackets(100 * one.low, 100 * one.high, "+.2f", language)
    words = {
        "less": (tr("less than a point"), "up"),
        "more": (tr("more than a point"), "down"),
        "undecided": (tr("undecided"), ""),
        "unknown": (MISSING, ""),
    }
    costs, tone = words[one.judgement]
    classes = ", ".join(f"{c.label} {language.number(100 * c.change, '+.1f')}" for c in one.classes if c.change < 0)
    return TableRow(
        [
            Value(one.point.name),
            Value(one.base.name),
            number(language, 100 * one.change, "+.2f", around=around),
            Value(costs, tone=tone),
            number(language, one.smaller, ".2f"),
            number(language, one.smaller_gzip, ".2f"),
            number(language, one.latency_ratio, ".2f"),
            Value(classes or MISSING),
        ],
        one.point,
    )


def fitting(material: Material, language: Language) -> Table:
    """The most accurate point below each limit of size and latency."""
    tr, found = language.tr, choices(material)
    headers = [tr("limit"), tr("cell"), tr("top-1 [95 %]"), tr("file kB"), tr("latency, µs")]
    note = tr(
        "The most accurate cell within each limit, by the mean of top-1; a limit that changes nothing is left out. File "
        "sizes in units of 1,000 bytes. Latencies are of the machine that the table of benches names."
    )
    rows = [*_within(found, "file_kb", _FILES_KB, language), *_within(found, "latency_us", _LATENCIES_MS, language)]
    return Table("what-fits", tr("What fits?"), note, headers, rows)


def _within(found: Sequence[Choice], what: str, limits: Sequence[int], language: Language) -> Iterator[TableRow]:
    before: Choice | None = None
    for limit in limits:
        most = limit * (1000 if what == "latency_us" else 1)
        fits = [one for one in found if (cost := getattr(one, what)) is not None and cost <= most]
        best = max(fits, key=lambda one: (one.top1.mean, -one.file_kb), default=None)
        if best is not None and best is not before:
            text = language.tr("{n} ms", n=limit) if what == "latency_us" else language.tr("{n} kB", n=limit)
            yield _fit(text, best, language)
        before = best


def _fit(limit: str, one: Choice, language: Language) -> TableRow:
    around = brackets(100 * one.top1.low, 100 * one.top1.high, ".1f", language)
    return TableRow(
        [
            Value(limit),
            Value(one.point.name),
            number(language, 100 * one.top1.mean, ".1f", one.result.records.predictions, f"% {around}"),
            number(language, one.file_kb, ",.1f", one.result.records.model),
            number(language, one.latency_us, ",.0f", one.result.bench.record if one.result.bench else ""),
        ],
        one.point,
    )
