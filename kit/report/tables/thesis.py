"""Tables from the thesis that are missing from the slides: the networks after training, V3 against its minimalistic
variants, and how much of a network lies in depthwise kernels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from kit.analysis.claims.minimalistic import VARIANTS
from kit.analysis.evidence import RunEvidence
from kit.analysis.material import Material
from kit.analysis.naming import at
from kit.analysis.points import published_evidence
from kit.analysis.results import Result
from kit.analysis.studied import is_studied, theirs
from kit.report.language import Language
from kit.report.tables.table import Table, TableRow, Value, number
from kit.study import architectures
from kit.study.grid import Point
from kit.study.published import published

Figure = Callable[[RunEvidence, str], float | None]


def trained_networks(material: Material, language: Language) -> Table:
    """Accuracies of the trained networks' float32 files on training and test images."""
    tr = language.tr
    headers = [
        tr("architecture"), tr("top-1 train, published"), tr("top-1 train"), tr("top-3 train"), tr("top-1"), tr("top-3"),
        tr("gap, published, points"), tr("gap, points"),
    ]  # fmt: skip
    note = tr(
        "Through the float32 file, on all training and all test images; ties are shared evenly. The gap is top-1 on the "
        "training images minus top-1 on the test images, in percentage points."
    )
    trained = [r for r in material.results if r.cell.sparsity == 0 and r.cell.precision == "float32"]
    rows = [_trained(r, material, language) for r in trained]
    made = Table("trained", tr("The trained networks"), note, headers, [row for row in rows if not row.is_missing])
    return made if is_studied(material.run.preset) else made.without({1, 6})


def _trained(r: Result, material: Material, language: Language) -> TableRow:
    write, figures = partial(number, language), theirs(material.run.preset, r.point)
    known = figures.train_top1 if figures else None
    gap = None if r.train is None or r.test is None else 100 * (r.train.top1 - r.test.top1)
    return TableRow(
        [
            Value(architectures.label(r.cell.architecture)),
            write(known, ".4f", ""),
            write(r.train.top1 if r.train else None, ".4f", r.records.predictions),
            write(r.train.top3 if r.train else None, ".4f", r.records.predictions),
            write(r.test.top1 if r.test else None, ".4f", r.records.predictions),
            write(r.test.top3 if r.test else None, ".4f", r.records.predictions),
            write(None if known is None or figures is None else 100 * (known - figures.top1), "+.2f", ""),
            write(gap, "+.2f", r.records.predictions),
        ],
        r.cell,
    )


def variants(material: Material, language: Language) -> Table:
    """MobileNetV3 against its minimalistic variants, published and own, by the same formulas."""
    tr, own = language.tr, RunEvidence(material.run, material.results)
    headers = [
        tr("size"), tr("quantity"), tr("V3, published"), tr("minimalistic, published"), tr("V3"), tr("minimalistic"),
    ]  # fmt: skip
    note = tr(
        "Published accuracies count ties as right, own ones share them evenly. Times and memory are those that claims are "
        "decided on; those of another machine than the study's compare in ratio only."
    )
    rows = [
        row
        for minimalistic, plain in VARIANTS.items()
        for label, spec, figure in _figures(language)
        if (row := _variant(own, (plain, minimalistic), label, spec, figure, language))
    ]
    return Table("variants", tr("MobileNetV3 against its minimalistic variants"), note, headers, rows)


def _variant(
    own: RunEvidence, pair: tuple[str, str], label: str, spec: str, figure: Figure, language: Language
) -> TableRow | None:
    ours = [figure(own, name) for name in pair]
    if None in ours:
        return None
    values = [*(figure(published_evidence(), name) for name in pair), *ours]
    written = [number(language, value, spec) for value in values]
    return TableRow([Value(architectures.label(pair[0])), Value(label), *written], at(pair[1]))


def _figures(language: Language) -> list[tuple[str, str, Figure]]:
    tr = language.tr
    return [
        (
            tr("parameters"),
            ",.0f",
            lambda evidence, name: evidence.results[at(name)].parameters if _has(evidence, at(name)) else None,
        ),
        (tr("top-1, float32"), ".4f", lambda evidence, name: _top1(evidence, at(name))),
        (tr("top-1, int8"), ".4f", lambda evidence, name: _top1(evidence, at(name, 0, "int8"))),
        (tr("top-1, 90 %, float32"), ".4f", lambda evidence, name: _top1(evidence, at(name, 90))),
        (tr("gzip size, 90 %, int8, MB"), ".4f", lambda evidence, name: _gzip_mb(evidence, at(name, 90, "int8"))),
        (tr("latency, float32, µs"), ",.0f", lambda evidence, name: _measured(evidence, "latency", at(name), 1)),
        (tr("time saved by int8"), ".1%", lambda evidence, name: _saved(evidence, "latency", name)),
        (tr("peak memory, float32, MiB"), ",.2f", lambda evidence, name: _measured(evidence, "memory", at(name), 2**20)),
        (tr("memory saved by int8"), ".1%", lambda evidence, name: _saved(evidence, "memory", name)),
    ]


def _has(evidence: RunEvidence, cell: Point) -> bool:
    return cell in evidence.results


def _top1(evidence: RunEvidence, cell: Point) -> float | None:
    return evidence.top1(cell) if evidence.evaluated([cell]) else None


def _gzip_mb(evidence: RunEvidence, cell: Point) -> float | None:
    return (evidence.results[cell].gzip_bytes or 0) / 1e6 if evidence.converted([cell]) else None


def _measured(evidence: RunEvidence, what: str, cell: Point, unit: float) -> float | None:
    if not evidence.benched([cell]):
        return None
    return (evidence.times(cell) if what == "latency" else evidence.memory(cell))[0] / unit


def _saved(evidence: RunEvidence, what: str, name: str) -> float | None:
    before, after = _measured(evidence, what, at(name), 1), _measured(evidence, what, at(name, 0, "int8"), 1)
    return None if before is None or after is None else 1 - after / before


def depthwise(material: Material, language: Language) -> Table:
    """The share of each network's parameters that lies in depthwise kernels, which tfmot does not prune."""
    tr, rows = language.tr, []
    shares = published().depthwise_percent if is_studied(material.run.preset) else {}
    for r in material.results:
        group = (r.weights or {}).get("depthwise")
        if group is None or r.cell.sparsity or r.cell.precision != "float32" or not r.parameters:
            continue
        write = partial(number, language)
        known = shares.get(r.cell.architecture)
        values = [
            write(r.parameters, ",d", r.records.weights),
            write(group.parameters, ",d", r.records.weights),
            write(None if known is None else known / 100, ".2%", ""),
            write(group.parameters / r.parameters, ".2%", r.records.weights),
        ]
        rows.append(TableRow([Value(architectures.label(r.cell.architecture)), *values], r.cell))
    headers = [tr("architecture"), tr("parameters"), tr("in depthwise kernels"), tr("share, published"), tr("share")]
    note = tr("Exact: n = 1, no spread. tfmot does not prune depthwise kernels.")
    return Table("depthwise", tr("Parameters in depthwise kernels"), note, headers, rows)
