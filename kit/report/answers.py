"""The verdicts as the page shows them: what the study says, how it came out, and the evidence as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from kit.report import notes
from kit.report.language import Language
from kit.report.tables import MISSING, Row, Table, Value, brackets
from kit.report.verdict import WORDS, Evidence, Outcome, Verdict
from kit.study.claims import claim

_SIGNS = {
    Outcome.reproduced: "✓",
    Outcome.partly: "◐",
    Outcome.not_reproduced: "✗",
    Outcome.not_testable: "?",
}


class Answer(Struct, frozen=True):
    """One verdict in one language. `outcome` is the words, `tone` the outcome's name for the style."""

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


def outcome_text(outcome: Outcome, language: Language) -> str:
    """An outcome as a sign and words: no reader needs its colour."""
    return f"{_SIGNS[outcome]} {language.say(WORDS[outcome])}"


def tally(verdicts: Sequence[Verdict], language: Language) -> list[tuple[str, str, int]]:
    """How many claims came out how: the outcome's name, its words, and the count, also where that is 0."""
    counts = Counter(verdict.outcome for verdict in verdicts)
    return [(outcome.value, outcome_text(outcome, language), counts[outcome]) for outcome in Outcome]


def summary(verdicts: Sequence[Verdict], language: Language) -> Table:
    """Each claim and its outcome: narrow enough for a terminal."""
    rows = [
        Row([Value(claim(one.key).statement[language.code]), Value(outcome_text(one.outcome, language))]) for one in verdicts
    ]
    headers = [language.tr("the study says"), language.tr("on this run")]
    return Table("verdicts", language.tr("Does the study hold?"), "", headers, rows)


def answer(verdict: Verdict, language: Language) -> Answer:
    """A verdict in words."""
    known = claim(verdict.key)
    return Answer(
        number=verdict.number,
        key=verdict.key,
        statement=known.statement[language.code],
        outcome=outcome_text(verdict.outcome, language),
        tone=verdict.outcome.value,
        reason=language.say(verdict.reason),
        decided_by=known.decided_by[language.code],
        test=language.say(verdict.test),
        place=notes.origin_name(verdict.origin, language) if verdict.origin else "",
        evidence=_evidence(verdict, known.statement[language.code], language),
    )


def _evidence(verdict: Verdict, statement: str, language: Language) -> Table:
    tr = language.tr
    headers = [
        tr("what"), tr("quantity"), tr("own value [interval]"), tr("published"), "n", tr("p, adjusted"), tr("holds"),
    ]  # fmt: skip
    note = tr(
        "Intervals at {confidence}; p adjusted by Holm's method over the tests of this claim.",
        confidence=language.number(verdict.confidence, ".0%"),
    )
    title = tr("Evidence for claim {number}: {statement}", number=verdict.number, statement=statement)
    return Table(f"claim-{verdict.number}", title, note, headers, [_row(one, language) for one in verdict.evidence])


def _row(one: Evidence, language: Language) -> Row:
    holds = {True: ("✓ " + language.tr("yes"), "up"), False: ("✗ " + language.tr("no"), "down"), None: (MISSING, "")}
    text, tone = holds[one.holds]
    record = one.records[0] if one.records else ""
    return Row(
        [
            Value(one.subject),
            Value(language.say(one.quantity)),
            Value(_with_interval(one, language), one.value, record),
            _number(one.published, ",.4g", language),
            _number(one.n, ",d", language),
            _number(one.p, ".2g", language),
            Value(text, tone=tone),
        ]
    )


def _number(number: float | None, spec: str, language: Language) -> Value:
    return Value(MISSING) if number is None else Value(language.number(number, spec), number)


def _with_interval(one: Evidence, language: Language) -> str:
    if one.value is None:
        return MISSING
    text = language.number(one.value, ",.4g")
    if one.low is None or one.high is None:
        return text
    return f"{text} {brackets(one.low, one.high, ',.4g', language)}"
