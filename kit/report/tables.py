"""The report's tables as data: defined once, rendered as Markdown, as HTML and on the terminal."""

from __future__ import annotations

import math

from msgspec import Struct

from kit.records.statistics import wilson
from kit.report import notes
from kit.report.language import Language
from kit.report.results import Result
from kit.study.architectures import architecture
from kit.study.cells import Cell, label
from kit.study.datasets import Dataset

MISSING = "–"


class Value(Struct, frozen=True):
    """What stands in one place of a table.

    `number` is the figure in full, in the column's unit: the page sorts by it. `record` is the path in the run of the
    record that it comes from. `tone` is `up`, `down`, or a verdict's outcome: a page may colour it, the text says it too.
    """

    text: str
    number: float | None = None
    record: str = ""
    tone: str = ""


class Row(Struct, frozen=True):
    """`cell` is what the row is about, if it is about one: a page filters by it."""

    values: list[Value]
    cell: Cell | None = None

    @property
    def is_missing(self) -> bool:
        """Whether nothing but its name stands in it."""
        return all(value.text == MISSING for value in self.values[1:])


class Table(Struct, frozen=True):
    """`note` says n, spread and where it was measured. `key` is the table's name in links; a long one may be folded."""

    key: str
    title: str
    note: str
    headers: list[str]
    rows: list[Row]
    is_long: bool = False

    def texts(self) -> list[list[str]]:
        """The table as text alone."""
        return [[value.text for value in row.values] for row in self.rows]


class Numbers:
    """Writes one cell's figures: each with the record that it comes from."""

    def __init__(self, cell: Cell, language: Language, bench: str = "") -> None:
        self._cell, self._language, self._bench = cell, language, bench

    def __call__(self, number: float | None, spec: str, stage: str, around: str = "") -> Value:
        """`number` by `spec`, then ` ` and the text `around` it; a dash where there is none."""
        if number is None or math.isnan(number):
            return Value(MISSING)
        text = self._language.number(number, spec)
        return Value(f"{text} {around}" if around else text, number, self.record(stage))

    def record(self, stage: str) -> str:
        """The path of a stage's record; `weights` are those of the training or, where there is one, the pruning."""
        if not stage:
            return ""
        if stage == "weights":
            return f"{self._cell.variant.name}/{'prune' if self._cell.sparsity else 'train'}.json"
        return self._bench if stage == "bench" else f"{self._cell.name}/{stage}.json"


def cells(results: list[Result], language: Language) -> Table:
    """All cells with all metrics."""
    tr = language.tr
    headers = [
        tr("cell"), tr("parameters"), tr("non-zero"), tr("sparsity"), tr("top-1 [95 %]"), tr("top-3"), tr("loss"),
        tr("top-1 train"), tr("file kB"), tr("gzip kB"), tr("latency µs [quartiles]"), tr("peak memory MB"),
    ]  # fmt: skip
    note = " ".join(
        part
        for part in (
            notes.accuracy(results, language),
            tr("Sparsity: zeros over all parameters."),
            notes.sizes(language),
            notes.latency(results, language),
            notes.memory(results, language),
        )
        if part
    )
    return Table("cells", tr("All cells"), note, headers, [_cell_row(result, language) for result in results])


def summary(results: list[Result], language: Language) -> Table:
    """The cells that have results, with the metrics that one compares first: narrow enough for a terminal."""
    full = cells([result for result in results if result.size_bytes is not None], language)
    chosen = [0, 3, 4, 5, 8, 9, 10, 11]
    rows = [Row([row.values[index] for index in chosen], row.cell) for row in full.rows]
    return Table("summary", full.title, full.note, [full.headers[index] for index in chosen], rows)


def _cell_row(r: Result, language: Language) -> Row:
    test, latency = r.test, r.latency
    write = Numbers(r.cell, language, latency.record if latency else "")
    values = [
        Value(r.cell.name),
        write(r.parameters, ",d", "weights"),
        write(r.nonzero, ",d", "weights"),
        write(r.achieved_sparsity, ".4f", "weights"),
        write(test.top1 if test else None, ".4f", "evaluate", _interval(r, language)),
        write(test.top3 if test else None, ".4f", "evaluate"),
        write(test.loss if test else None, ".3f", "evaluate"),
        write(r.train.top1 if r.train else None, ".4f", "evaluate"),
        write(_thousands(r.size_bytes), ",.1f", "convert"),
        write(_thousands(r.gzip_bytes), ",.1f", "convert"),
        write(latency.spread.median if latency else None, ",.0f", "bench", _quartiles(r, language)),
        write(r.memory_bytes.median / 1e6 if r.memory_bytes else None, ".2f", "bench"),
    ]
    return Row(values, r.cell)


def _thousands(size_bytes: int | None) -> float | None:
    return None if size_bytes is None else size_bytes / 1000


def _interval(r: Result, language: Language) -> str:
    if r.test is None:
        return ""
    low, high = wilson(round(r.test.top1 * r.test.n), r.test.n)
    return brackets(low, high, ".3f", language)


def _quartiles(r: Result, language: Language) -> str:
    if r.latency is None:
        return ""
    return f"{brackets(r.latency.spread.lower, r.latency.spread.upper, ',.0f', language)} {marks(r, language)}".strip()


def marks(r: Result, language: Language) -> str:
    """What must not be overlooked beside a latency."""
    emulated = language.tr("(emulated)") if r.latency and r.latency.origin == "emulated" else ""
    invalid = language.tr("(not valid)") if r.latency and not r.latency.is_valid else ""
    return f"{emulated} {invalid}".strip()


def brackets(low: float, high: float, spec: str, language: Language) -> str:
    """An interval; where the comma is a decimal sign, a semicolon parts its ends."""
    between = "; " if language.number(0.5, ".1f") != "0.5" else ", "
    return f"[{language.number(low, spec)}{between}{language.number(high, spec)}]"


def by_class(results: list[Result], dataset: Dataset, language: Language) -> list[Table]:
    """For each architecture the change of each class's top-1 against its unpruned float32 cell, in percentage points."""
    tables = []
    for name in dict.fromkeys(r.cell.architecture for r in results):
        own = [r for r in results if r.cell.architecture == name and r.test]
        base = next((r for r in own if r.cell.sparsity == 0 and r.cell.precision == "float32"), None)
        if base is not None and len(own) > 1:
            tables.append(_class_table(base, [r for r in own if r is not base], dataset, language))
    return tables


def _class_table(base: Result, others: list[Result], dataset: Dataset, language: Language) -> Table:
    assert base.test is not None
    tr, name = language.tr, base.cell.architecture
    write = Numbers(base.cell, language)
    first = [write(100 * value, ".1f", "evaluate", "%") for value in base.test.by_class]
    rows = [Row([Value(label(base.cell)), *first, Value(MISSING)], base.cell)]
    for r in others:
        assert r.test is not None
        write = Numbers(r.cell, language)
        changes = [100 * (a - b) for a, b in zip(r.test.by_class, base.test.by_class, strict=True)]
        written = [write(change, "+.1f", "evaluate") for change in changes]
        rows.append(Row([Value(label(r.cell)), *written, write(_deviation(changes), ".1f", "evaluate")], r.cell))
    note = tr(
        "First row: top-1 of each class; below: change in percentage points. n = {n} test images; the last column is the "
        "standard deviation of the changes over the classes.",
        n=base.test.n,
    )
    title = tr("Top-1 by class: {architecture}", architecture=architecture(name).label)
    return Table(f"classes-{name}", title, note, [tr("cell"), *dataset.classes, tr("spread")], rows, is_long=True)


def _deviation(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))


def sparsity(results: list[Result], language: Language) -> Table:
    """Achieved sparsity of each variant by layer kind."""
    tr = language.tr
    kinds = {
        "pointwise": tr("pointwise"),
        "convolution": tr("convolution"),
        "dense": tr("dense"),
        "depthwise": tr("depthwise"),
        "normalization": tr("normalization"),
        "bias": tr("bias"),
    }
    rows = {}
    for r in results:
        if r.weights is None:
            continue
        write = Numbers(r.cell, language)
        values = [write(_share(r.weights.get(kind)), ".4f", "weights") for kind in kinds]
        total = write(r.achieved_sparsity, ".4f", "weights")
        rows[r.cell.variant] = Row([Value(label(r.cell.variant)), *values, total], r.cell.variant)
    note = tr(
        "Zeros over parameters of each kind of layer, counted in the weights before conversion (exact; n = 1). Last column: "
        "over all parameters."
    )
    headers = [tr("variant"), *kinds.values(), tr("all")]
    return Table("sparsity", tr("Achieved sparsity"), note, headers, list(rows.values()), is_long=True)


def _share(group: dict[str, int] | None) -> float | None:
    return group["zeros"] / group["parameters"] if group and group["parameters"] else None


def sizes(results: list[Result], language: Language) -> Table:
    """Sizes against the variant's float32 file."""
    tr = language.tr
    rows = []
    for r in results:
        base = next((b for b in results if b.cell.variant == r.cell.variant and b.cell.precision == "float32"), None)
        if r.size_bytes is None or r.gzip_bytes is None or base is None or base.size_bytes is None:
            continue
        write = Numbers(r.cell, language)
        values = [
            Value(label(r.cell)),
            write(r.size_bytes, ",d", "convert"),
            write(base.size_bytes / r.size_bytes, ".2f", "convert", "×"),
            write(r.gzip_bytes, ",d", "convert"),
            write(base.size_bytes / r.gzip_bytes, ".2f", "convert", "×"),
            _float_operators(r, language),
        ]
        rows.append(Row(values, r.cell))
    note = tr("Ratios: the float32 file of the same variant over this file. Exact: n = 1, no spread.")
    headers = [
        tr("cell"), tr("file bytes"), tr("smaller"), tr("gzip -9 bytes"), tr("smaller after gzip"), tr("float operators"),
    ]  # fmt: skip
    return Table("sizes", tr("File sizes and operators"), note, headers, rows, is_long=True)


def _float_operators(r: Result, language: Language) -> Value:
    if r.contents is None:
        return Value(MISSING)
    operators: dict[str, dict[str, int]] = r.contents["operators"]
    total = sum(sum(kinds.values()) for kinds in operators.values())
    floats = sum(kinds.get("float32", 0) for kinds in operators.values())
    text = language.tr("{part} of {all}", part=floats, all=total)
    return Value(text, floats, Numbers(r.cell, language).record("evaluate"))
