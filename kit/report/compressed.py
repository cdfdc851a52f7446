"""Is it really compressed? What each step did to a cell's zeros, operators and bytes, and why something did not shrink."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from kit.report.ground import Ground
from kit.report.results import Result
from kit.report.verdict import Message
from kit.study.cells import Cell

Operators = dict[str, int]
_NO_WORK = ("QUANTIZE", "DEQUANTIZE")  # the border between float and integer; they compute nothing of the network
_SAME_FILE = 0.01  # as in the claim: a file that differs by less has not shrunk
_FASTER = 0.95  # of the time before: less saved than 5 % is within what runs on one machine differ by


class Step(Struct, frozen=True):
    """What one step did to the bytes that are stored or sent: `saved_bytes` is negative where it made them more."""

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
    and what they put out. `file` and `latency` say why these did not shrink; None where they did, or nothing was measured.
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


def compressions(ground: Ground) -> list[Compression]:
    """One for each cell that has a file."""
    return [_compression(ground, r) for r in ground.results.values() if r.size_bytes is not None]


def _compression(ground: Ground, r: Result) -> Compression:
    integer, floating = operators(r)
    return Compression(
        cell=r.cell.name,
        nominal=r.cell.sparsity / 100,
        achieved=r.achieved_sparsity,
        by_kind={kind: group["zeros"] / group["parameters"] for kind, group in (r.weights or {}).items()},
        stored=_stored(r),
        integer=integer,
        floating=floating,
        steps=tuple(_steps(ground, r)),
        file=_why_file(ground, r),
        latency=_why_latency(ground, r),
        records=ground.conversions(r.cell) + (ground.evaluations(r.cell) if r.contents else ()),
    )


def operators(r: Result) -> tuple[Operators, Operators]:
    """How often each operator puts out integers, and how often floats. What only converts between the two is left out."""
    found: dict[str, Operators] = (r.contents or {}).get("operators", {})
    kinds: tuple[Operators, Operators] = ({}, {})
    for name, dtypes in found.items():
        for dtype, count in dtypes.items():
            if name not in _NO_WORK:
                group = kinds[dtype.startswith("float")]
                group[name] = group.get(name, 0) + count
    return kinds


def _stored(r: Result) -> float | None:
    constants: dict[str, dict[str, int]] = (r.contents or {}).get("constants", {})
    total = sum(group["parameters"] for group in constants.values())
    return sum(group["zeros"] for group in constants.values()) / total if total else None


def _unpruned(cell: Cell) -> Cell:
    return Cell(cell.architecture, 0, cell.precision)


def _float(cell: Cell) -> Cell:
    return Cell(cell.architecture, cell.sparsity, "float32")


def _steps(ground: Ground, r: Result) -> list[Step]:
    """From the unpruned float32 file to this one and its gzipped form: pruning, quantization, gzip."""
    start, pruned = ground.results.get(_unpruned(_float(r.cell))), ground.results.get(_float(r.cell))
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


def _why_file(ground: Ground, r: Result) -> Message | None:
    """Pruning against the unpruned file; else quantization against a quarter of the float32 file."""
    base = ground.results.get(_unpruned(r.cell))
    if r.cell.sparsity and base and base.size_bytes and r.size_bytes and r.gzip_bytes and base.gzip_bytes:
        if r.size_bytes < (1 - _SAME_FILE) * base.size_bytes:
            return None
        return Message(
            "Pruning leaves the file as large as it was: zeros are stored like other numbers. Only gzip finds them: "
            "{gzip_kb:,.0f} kB instead of {base_kb:,.0f} kB.",
            {"gzip_kb": r.gzip_bytes / 1000, "base_kb": base.gzip_bytes / 1000},
        )
    before = ground.results.get(_float(r.cell))
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


def _why_latency(ground: Ground, r: Result) -> Message | None:
    """Against the unpruned cell of the same precision for pruned cells, else against float32."""
    base = _unpruned(r.cell) if r.cell.sparsity else _float(r.cell)
    if base == r.cell or not ground.benched([base, r.cell]):
        return None
    ratio = ground.times(r.cell)[0] / ground.times(base)[0]
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
