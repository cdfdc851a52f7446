"""The tables over trainings: the verdicts, whether a published accuracy could be one more, and how often int8 collapses."""

from __future__ import annotations

from collections.abc import Sequence

from kit.analysis.forecast import Collapse, Forecast
from kit.analysis.summary import Study, Trainings
from kit.report.language import Language
from kit.report.tables.table import MISSING, Table, TableRow, Value, brackets
from kit.report.tables.verdicts import answer
from kit.study.claims import limits
from kit.study.grid import named


def over_trainings(study: Study, language: Language) -> list[Table]:
    """The tables of each group of runs that differ in nothing but seed and patience."""
    several = [group for group in study.trainings if len(group.runs) > 1]
    return [table for index, group in enumerate(several, 1) for table in _of_group(group, index, language)]


def _of_group(group: Trainings, index: int, language: Language) -> list[Table]:
    runs = ", ".join(group.runs)
    made = [
        _verdicts(group, f"trainings-{index}-claims", runs, language),
        forecasts(group.forecasts, f"trainings-{index}-published", language),
        collapses(group.collapses, f"trainings-{index}-collapses", language),
    ]
    return [table for table in made if table.rows]


def _verdicts(group: Trainings, key: str, runs: str, language: Language) -> Table:
    tr = language.tr
    said = [answer(verdict, language) for verdict in group.verdicts]
    rows = [
        TableRow([Value(f"{one.number}. {one.statement}"), Value(one.outcome, tone=one.tone), Value(one.reason)])
        for one in said
    ]
    note = tr("Claims about accuracies are judged over trainings; sizes are exact, times and memory are over processes.")
    if len(patience := sorted(set(group.patience_epochs))) > 1:
        note += " " + tr(
            "Patience: {epochs} epochs; the longest wait for a better one was {wait}. With less patience than others, a "
            "training might have stopped too early.",
            epochs=patience,
            wait=group.longest_wait_epochs,
        )
    if group.left_out:
        note += " " + tr(
            "A training that several runs have counts once, with the most patience; left out: {names}.",
            names=", ".join(group.left_out),
        )
    title = tr("Does the study hold, over trainings? {runs}", runs=runs)
    return Table(key, title, note, [tr("claim"), tr("outcome"), tr("reason")], rows)


def forecasts(found: Sequence[Forecast], key: str, language: Language) -> Table:
    """Each published accuracy beside the interval in which one more training is expected."""
    tr = language.tr
    names = {"top1": tr("top-1"), "top3": tr("top-3"), "train_top1": tr("top-1 train")}
    rows = [
        TableRow(
            [
                Value(one.cell),
                Value(names[one.quantity]),
                Value(language.number(one.published, ".4f"), one.published),
                Value(_expected(one, language), one.mean),
                Value(str(one.n), one.n),
                _inside(one, language),
            ],
            named(one.cell),
        )
        for one in found
    ]
    told = [one for one in found if one.inside is not None]
    note = tr(
        "95 % prediction intervals for one more training (Student's t), ties as the study counted them. {inside} of {n} "
        "published accuracies lie inside; of 100 that are ours, about 5 lie outside by chance.",
        inside=sum(one.inside is True for one in told),
        n=len(told),
    )
    headers = [tr("cell"), tr("quantity"), tr("published"), tr("mean [next training]"), tr("trainings"), tr("one of ours")]
    return Table(key, tr("Is the published accuracy one of ours?"), note, headers, rows, is_long=True)


def _expected(one: Forecast, language: Language) -> str:
    if one.mean is None:
        return MISSING
    text = language.number(one.mean, ".4f")
    return text if one.low is None or one.high is None else f"{text} {brackets(one.low, one.high, '.4f', language)}"


def _inside(one: Forecast, language: Language) -> Value:
    if one.inside is None:
        return Value(language.say(one.note) if one.note else MISSING)
    tr = language.tr
    return Value("✓ " + tr("inside"), tone="up") if one.inside else Value("✗ " + tr("outside"), tone="down")


def collapses(found: Sequence[Collapse], key: str, language: Language) -> Table:
    """How often int8 collapses, in cells where it did so in the study or here."""
    tr = language.tr
    rows = [
        TableRow(
            [
                Value(one.cell),
                Value(MISSING) if one.published_points is None else _points(one.published_points, language),
                Value(", ".join(language.number(drop, ".1f") for drop in one.drops_points)),
                Value(tr("{collapsed} of {n}", collapsed=one.collapsed, n=one.n), one.collapsed / one.n),
                Value(brackets(100 * one.low, 100 * one.high, ".0f", language)),
            ],
            named(one.cell),
        )
        for one in found
    ]
    note = tr(
        "A training collapses if int8 loses more than {points} percentage points of top-1 to its own float32 file. The "
        "interval of the frequency is Clopper and Pearson's at 95 %.",
        points=language.number(limits().collapse_points, "g"),
    )
    headers = [
        tr("cell"), tr("the study's loss, points"), tr("each training's loss, points"), tr("trainings that collapse"),
        tr("frequency [95 %], %"),
    ]  # fmt: skip
    return Table(key, tr("How often does int8 collapse?"), note, headers, rows)


def _points(points: float, language: Language) -> Value:
    return Value(language.number(points, ".1f"), points)
