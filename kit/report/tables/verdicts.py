"""The verdicts as the page shows them: the study's claim, the outcome, and the evidence as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from kit.analysis.statistics import ALPHA
from kit.analysis.summary import OneRun
from kit.analysis.verdicts import WORDS, Across, Evidence, Level, Outcome, Verdict
from kit.report import captions
from kit.report.language import Language
from kit.report.tables.table import MISSING, Table, TableRow, Value, brackets
from kit.study.claims import claim, claims

_SIGNS = {
    Outcome.reproduced: "✓",
    Outcome.partly: "◐",
    Outcome.one_training: "◔",
    Outcome.not_reproduced: "✗",
    Outcome.not_testable: "?",
}


class VerdictText(Struct, frozen=True):
    """One verdict in one language. `outcome` is the words, with what it stands on; `tone` is the outcome's name for the
    style."""

    number: int
    key: str
    statement: str
    outcome: str
    tone: str
    reason: str
    decided_by: str
    test: str
    place: str
    evidence: Table


class Group(Struct, frozen=True):
    """The claims of the slides, or of the thesis: how many came out how, and each verdict in words."""

    key: str
    title: str
    tally: list[tuple[str, str, int]]
    answers: list[VerdictText]


def groups(verdicts: Sequence[Verdict], language: Language) -> list[Group]:
    """The verdicts, grouped by where the study makes the claim."""
    titles = {"slides": language.tr("What its slides say"), "thesis": language.tr("What its thesis says beyond them")}
    found = []
    for key, title in titles.items():
        own = [verdict for verdict in verdicts if claim(verdict.key).group == key]
        found.append(Group(key, title, tally(own, language), [answer(verdict, language) for verdict in own]))
    return found


def outcome_text(outcome: Outcome, language: Language) -> str:
    """An outcome as a sign and words: no reader needs its colour."""
    return f"{_SIGNS[outcome]} {language.say(WORDS[outcome])}"


def verdict_text(verdict: Verdict, language: Language) -> str:
    """An outcome with what it stands on: `✓ reproduced (over 3 trainings)`, `◔ on one training: reproduced`."""
    text = outcome_text(verdict.outcome, language)
    if verdict.outcome is Outcome.one_training and verdict.on_images:
        return f"{text}: {language.say(WORDS[verdict.on_images])}"
    level = level_text(verdict, language)
    return f"{text} ({level})" if level else text


def level_text(verdict: Verdict, language: Language) -> str:
    """What a verdict stands on; empty if it has no evidence."""
    if not verdict.evidence:
        return ""
    if verdict.trainings == 1 and verdict.level is Level.trainings:
        return language.tr("over trainings")
    return {
        Level.exact: language.tr("exact"),
        Level.processes: language.tr("over processes"),
        Level.one_training: language.tr("on one training"),
        Level.trainings: language.tr("over {n} trainings", n=verdict.trainings),
        Level.values: language.tr("values alone"),
    }[verdict.level]


def tally(verdicts: Sequence[Verdict], language: Language) -> list[tuple[str, str, int]]:
    """The number of claims by outcome: its name, its words, and the count, even if that is 0."""
    counts = Counter(verdict.outcome for verdict in verdicts)
    return [(outcome.value, outcome_text(outcome, language), counts[outcome]) for outcome in Outcome]


def summary(verdicts: Sequence[Verdict], language: Language) -> Table:
    """Each claim and its outcome: narrow enough for a terminal."""
    rows = [
        TableRow([Value(claim(one.key).statement[language.code]), Value(verdict_text(one, language))]) for one in verdicts
    ]
    headers = [language.tr("the study says"), language.tr("on this run")]
    return Table("verdicts", language.tr("Does the study hold?"), "", headers, rows)


def by_training(key: str, trainings: Sequence[OneRun], language: Language) -> Table:
    """How each claim came out on each run or training alone."""
    rows = []
    for index, known in enumerate(claims()):
        found = [one.verdicts[index] for one in trainings]
        values = [Value(verdict_text(one, language), tone=one.outcome.value) for one in found]
        rows.append(TableRow([Value(f"{known.number}. {known.statement[language.code]}"), *values]))
    title, headers = language.tr("The claims, run by run"), [language.tr("claim"), *(one.name for one in trainings)]
    return Table(key, title, language.tr("Each training by itself."), headers, rows, is_long=True)


def answer(verdict: Verdict, language: Language) -> VerdictText:
    """A verdict in words."""
    known = claim(verdict.key)
    return VerdictText(
        number=verdict.number,
        key=verdict.key,
        statement=known.statement[language.code],
        outcome=verdict_text(verdict, language),
        tone=verdict.outcome.value,
        reason=language.say(verdict.reason),
        decided_by=known.decided_by[language.code],
        test=language.say(verdict.test),
        place=captions.origin_name(verdict.origin, language) if verdict.origin else "",
        evidence=_evidence(verdict, known.statement[language.code], language),
    )


def _evidence(verdict: Verdict, statement: str, language: Language) -> Table:
    tr = language.tr
    headers = [
        tr("what"), tr("quantity"), tr("own value [interval]"), tr("published"), "n", tr("p, adjusted"), tr("holds"),
    ]  # fmt: skip
    over = verdict.level is Level.trainings
    if over:
        headers[-1:] = [
            tr("holds on these images"), tr("over trainings [interval]"), tr("trainings"), tr("p over trainings"),
            tr("holds over trainings"),
        ]  # fmt: skip
    note = tr(
        "Intervals at {confidence}; p adjusted by Holm's method over the tests of this claim. Own accuracies share ties "
        "evenly; published values are the study's, which counts ties as right.",
        confidence=language.number(verdict.confidence, ".0%"),
    )
    if over and verdict.level_spent < ALPHA:
        note += " " + tr(
            "Intervals over trainings: at {confidence}.", confidence=language.number(1 - verdict.level_spent, ".1%")
        )
    title = tr("Evidence for claim {number}: {statement}", number=verdict.number, statement=statement)
    return Table(f"claim-{verdict.number}", title, note, headers, [_row(one, over, language) for one in verdict.evidence])


def _row(one: Evidence, over: bool, language: Language) -> TableRow:
    text, tone = _holds(one, language)
    record = one.records[0] if one.records else ""
    return TableRow(
        [
            Value(one.subject),
            Value(language.say(one.quantity)),
            Value(_with_interval(one, language), one.value, record),
            _number(one.published, ",.4g", language),
            _number(one.n, ",d", language),
            _number(one.p, ".2g", language),
            Value(text, tone=tone),
            *(_across(one.across, one, language) if over else ()),
        ]
    )


def _across(across: Across | None, one: Evidence, language: Language) -> list[Value]:
    """The same comparison over trainings: value and interval, number of trainings, p, and whether it holds."""
    if across is None:
        return [Value(MISSING)] * 4
    text, tone = _holds(msgspec.structs.replace(one, holds=across.holds, by_point=False), language)
    return [
        Value(_with_interval(across, language), across.value),
        _number(across.n, ",d", language),
        _number(across.p, ".2g", language),
        Value(text, tone=tone),
    ]


def _holds(one: Evidence, language: Language) -> tuple[str, str]:
    """Whether a row holds, and its tone. Where the data do not decide, on which side of the limit the value alone lies."""
    tr = language.tr
    if one.holds is None:
        sides = {True: tr("open (value within)"), False: tr("open (value beyond)"), None: MISSING}
        return sides[one.within], ""
    text, tone = ("✓ " + tr("yes"), "up") if one.holds else ("✗ " + tr("no"), "down")
    return (f"{text} ({tr('by the value alone')})" if one.by_point else text), tone


def _number(number: float | None, spec: str, language: Language) -> Value:
    return Value(MISSING) if number is None else Value(language.number(number, spec), number)


def _with_interval(one: Evidence | Across, language: Language) -> str:
    if one.value is None:
        return MISSING
    text = language.number(one.value, ",.4g")
    if one.low is None or one.high is None:
        return text
    return f"{text} {brackets(one.low, one.high, ',.4g', language)}"
