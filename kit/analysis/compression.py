"""Is it really compressed? What each step did to a cell's zeros, operators and bytes, and why something did not shrink."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from kit.analysis.evidence import RunEvidence
from kit.analysis.results import Result
from kit.analysis.verdicts import Message
from kit.study.claims import limits
from kit.study.grid import Point

Operators = dict[str, int]
_NO_WORK = ("QUANTIZE", "DEQUANTIZE")  # the border between float and integer; they do none of the network's work
_FASTER = 0.95  # of the time before: a saving below 5 % is within the variation between runs on one machine


class Step(Struct, frozen=True):
    """What one step did to the bytes that are stored or sent: `saved_bytes` is negative if it made them more."""

    step: Literal["pruning", "quantization", "gzip"]
    before: str
    after: str
    before_bytes: int
    after_bytes: int

    @property
    def saved_bytes(self) -> int:
        return self.before_bytes - self.after_bytes


class Compression(Struct, frozen=True):
    """One cell. Sparsities are fractions: `nominal`, `achieved` over all parameters, and `by_kind` of layer.

    `stored` is the fraction of zeros among the constants of the file. `integer` and `floating` count operators by name
    and what they put out. `file` and `latency` say why these did not shrink; None if they did, or nothing was measured.
    """

    cell: str
    nominal: float
    achieved: float | None
    by_kind: dict[str, float]
    stored: float | None
    integer: Operators
    floating: Operators
    steps: tuple[Step, ...]
    file: Message | None
    latency: Message | None
    records: tuple[str, ...]


def compressions(evidence: RunEvidence) -> list[Compression]:
    """One for each cell that has a file."""
    return [_compression(evidence, r) for r in evidence.results.values() if r.size_bytes is not None]


def _compression(evidence: RunEvidence, r: Result) -> Compression:
    integer, floating = operators(r)
    return Compression(
        cell=r.cell.name,
        nominal=r.cell.sparsity / 100,
        achieved=r.achieved_sparsity,
        by_kind={kind: group.zeros / group.parameters for kind, group in (r.weights or {}).items()},
        stored=_stored(r),
        integer=integer,
        floating=floating,
        steps=tuple(_steps(evidence, r)),
        file=_why_file(evidence, r),
        latency=_why_latency(evidence, r),
        records=evidence.conversions(r.point) + (evidence.evaluations(r.point) if r.contents else ()),
    )


def operators(r: Result) -> tuple[Operators, Operators]:
    """How often each operator puts out integers, and how often floats. What only converts between the two is left out."""
    found = r.contents.operators if r.contents else {}
    kinds: tuple[Operators, Operators] = ({}, {})
    for name, dtypes in found.items():
        for dtype, count in dtypes.items():
            if name not in _NO_WORK:
                group = kinds[dtype.startswith("float")]
                group[name] = group.get(name, 0) + count
    return kinds


def _stored(r: Result) -> float | None:
    constants = r.contents.constants.values() if r.contents else ()
    total = sum(group.parameters for group in constants)
    return sum(group.zeros for group in constants) / total if total else None


def _unpruned(cell: Point) -> Point:
    return replace(cell, sparsity=0)


def _float(cell: Point) -> Point:
    return replace(cell, precision="float32")


def _steps(evidence: RunEvidence, r: Result) -> list[Step]:
    """From the unpruned float32 file to this one and its gzipped form: pruning, quantization, gzip."""
    start, pruned = evidence.results.get(_unpruned(_float(r.point))), evidence.results.get(_float(r.point))
    chain: list[tuple[Literal["pruning", "quantization"], Result | None, Result | None]] = []
    if r.cell.sparsity:
        chain.append(("pruning", start, pruned))
    if r.cell.precision != "float32":
        chain.append(("quantization", pruned, r))
    steps = [
        Step(step, before.cell.name, after.cell.name, before.size_bytes, after.size_bytes)
        for step, before, after in chain
        if before and after and before.size_bytes is not None and after.size_bytes is not None
    ]
    if r.size_bytes is not None and r.gzip_bytes is not None:
        steps.append(Step("gzip", r.cell.name, f"{r.cell.name}.gz", r.size_bytes, r.gzip_bytes))
    return steps


def _why_file(evidence: RunEvidence, r: Result) -> Message | None:
    """Pruning against the unpruned file; else quantization against a quarter of the float32 file."""
    base = evidence.results.get(_unpruned(r.point))
    if r.cell.sparsity and base and base.size_bytes and r.size_bytes and r.gzip_bytes and base.gzip_bytes:
        if r.size_bytes < (1 - limits().same_file_percent / 100) * base.size_bytes:
            return None
        return Message(
            "Pruning leaves the file as large as it was: zeros are stored like other numbers. Only gzip finds them: "
            "{gzip_kb:,.0f} kB instead of {base_kb:,.0f} kB.",
            {"gzip_kb": r.gzip_bytes / 1000, "base_kb": base.gzip_bytes / 1000},
        )
    before = evidence.results.get(_float(r.point))
    if r.cell.precision in ("int8", "integer") and before and before.size_bytes and r.size_bytes:
        return _why_not_a_quarter(before.size_bytes / r.size_bytes, r)
    return None


def _why_not_a_quarter(ratio: float, r: Result) -> Message:
    _, floating = operators(r)
    if floating:
        return Message(
            "{ratio:.2f} times smaller, not 4 times: biases take 32 bits, the scales and the graph are stored too, "
            "and {count} operators stay float.",
            {"ratio": ratio, "count": sum(floating.values())},
        )
    return Message(
        "{ratio:.2f} times smaller, not 4 times: biases take 32 bits, and the scales and the graph are stored too.",
        {"ratio": ratio},
    )


def _why_latency(evidence: RunEvidence, r: Result) -> Message | None:
    """Against the unpruned cell of the same precision for pruned cells, else against float32."""
    base = _unpruned(r.point) if r.cell.sparsity else _float(r.point)
    if base == r.point or not evidence.benched([base, r.point]):
        return None
    ratio = evidence.times(r.point)[0] / evidence.times(base)[0]
    if ratio < _FASTER:
        return None
    if r.cell.sparsity:
        return Message(
            "{ratio:.2f} of the unpruned latency: the kernels multiply by every weight, zero or not.", {"ratio": ratio}
        )
    return _why_not_faster(ratio, r)


def _why_not_faster(ratio: float, r: Result) -> Message:
    integer, floating = operators(r)
    total = sum(integer.values()) + sum(floating.values())
    if floating:
        return Message(
            "{ratio:.2f} of float32's latency: {count} of {total} operators fall back to float ({names}), and each border "
            "is converted.",
            {"ratio": ratio, "count": sum(floating.values()), "total": total, "names": sorted(floating)},
        )
    return Message(
        "{ratio:.2f} of float32's latency although all {total} operators are integer: here, integer kernels are no "
        "faster than float ones for this network.",
        {"ratio": ratio, "total": total},
    )
