"""The matrix: one row for each point of the grid, and for each quantity the own value beside the published one."""

from __future__ import annotations

from kit.analysis.counted import Quantity
from kit.analysis.material import Material
from kit.analysis.pairs import EXACT, Pair, pairs
from kit.analysis.results import Result
from kit.report.language import Language
from kit.report.tables.study import SPECS, quantity_name
from kit.report.tables.table import MISSING, Table, TableRow, Value, brackets, marked

_QUANTITIES: tuple[Quantity, ...] = (
    "top1", "top3", "file_mb", "gzip_mb", "memory_mib", "memory_ratio", "latency_us", "latency_ratio",
)  # fmt: skip


def matrix(material: Material, language: Language) -> Table:
    """One row a point; of each quantity the own value, with its interval, beside the published one."""
    tr = language.tr
    found = pairs(material.concluded)
    own, theirs = tr("own [95 %]"), tr("published")
    names = [quantity_name(quantity, language) for quantity in _QUANTITIES]
    names[:2] = [tr("top-1, counted as the study did"), tr("top-3, counted as the study did")]
    exact = [quantity in EXACT for quantity in _QUANTITIES]
    headers = [
        tr("cell"),
        own,
        *(text for is_exact in exact for text in (tr("own") if is_exact else own, theirs)),
        tr("remark"),
    ]
    groups = [("", 1), (tr("top-1, ties shared evenly"), 1), *((name, 2) for name in names), ("", 1)]
    rows = [_row(r, found.get(r.point, {}), material, language) for r in material.results]
    return Table("beside", tr("All cells: own and published"), _note(material, language), headers, rows, groups=groups)


def _note(material: Material, language: Language) -> str:
    tr, n = language.tr, len(material.run.preset.seeds)
    if n > 1:
        spread = tr(
            "Own values are means over up to {n} trainings (seeds), with Student's 95 % interval of the mean; those of one "
            "have an interval over its test images (Wilson's) or processes (bootstrap). ✓: the published accuracy lies in "
            "the interval expected of one more training, or agrees with the only one; other numbers are within their "
            "tolerance.",
            n=n,
        )
    else:
        spread = tr(
            "One training of each network: intervals are over its test images (Wilson's) or processes (bootstrap), and say "
            "nothing of the next training. ✓: published and own number agree within them, or within the tolerance."
        )
    return " ".join((
        spread,
        tr(
            "✗: they disagree. ≈: not comparable: absolute times and memory of another machine than the study's, which "
            "compare in ratio only, and int8 accuracies of a run without recorded ties. The study counts every class that "
            "ties with the k-th as a hit. Ratios are to the trained network's float32 file."
        ),
    ))  # fmt: skip


def _row(r: Result, own: dict[Quantity, Pair], material: Material, language: Language) -> TableRow:
    top1, record = material.top1(r.point), r.records.predictions
    fair = _own(top1.mean, (top1.low, top1.high), ".4f", record, language) if top1 else Value(MISSING)
    remark = next((row.remark for pair in own.values() for row in pair.rows if row.remark), None)
    written = [value for quantity in _QUANTITIES for value in _both(own.get(quantity), language)]
    return TableRow(
        [Value(marked(r, language, r.point.name)), fair, *written, Value(language.say(remark) if remark else MISSING)],
        r.point,
    )


def _both(pair: Pair | None, language: Language) -> list[Value]:
    """The own value, and the published one with a sign: whether they agree."""
    if pair is None:
        return [Value(MISSING), Value(MISSING)]
    spec, published = SPECS[pair.quantity], language.number(pair.published, SPECS[pair.quantity])
    if not pair.values:
        return [Value(MISSING), Value(published, pair.published)]
    sign, tone = {True: ("✓", "up"), False: ("✗", "down"), None: ("≈", "")}[pair.agrees]
    record = next((row.records[0] for row in pair.rows if row.records), "")
    mean = sum(pair.values) / len(pair.values)
    return [_own(mean, pair.interval, spec, record, language), Value(f"{published} {sign}", pair.published, tone=tone)]


def _own(mean: float, interval: tuple[float, float] | None, spec: str, record: str, language: Language) -> Value:
    text = language.number(mean, spec)
    return Value(f"{text} {brackets(*interval, spec, language)}" if interval else text, mean, record)
