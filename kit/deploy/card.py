"""The model card of a cell, in the form of Hugging Face: what the model is, how good, how large, how fast, and from what."""

from __future__ import annotations

import json
import math
from importlib import resources

import jinja2
from msgspec import Struct

from kit import __version__
from kit.analysis.descriptive import wilson
from kit.analysis.measurement import BenchResult, Measurement
from kit.analysis.results import Result
from kit.errors import KitError
from kit.runs.artifacts import PREDICTIONS
from kit.runs.counts import Counts
from kit.runs.record import read_as
from kit.runs.run import Run
from kit.stages.registry import maker
from kit.stages.values import EvaluateValues
from kit.study.datasets import Dataset
from kit.study.grid import PRECISIONS, Cell, label

_MOST_CLASSES = 100  # in the table; of more, the worst are shown
_WORST = 20
_PLACES = {"device": "", "local": " (a PC)"}  # emulated latencies say nothing about a device


class Signed(Struct, frozen=True):
    """What only the author knows: who made it, and under which licence (an SPDX identifier, as Hugging Face writes it)."""

    author: str = ""
    licence: str = "unknown"


class Facts(Struct, frozen=True):
    """What a card is made of. `image`: height, width and channels; `digest`: SHA-256 of the model without metadata."""

    run: Run
    cell: Cell
    result: Result
    data: Dataset
    image: tuple[int, int, int]
    input: str
    output: str
    digest: str
    counts: Counts | None


class Row(Struct, frozen=True):
    """The accuracy of one class, 0 to 1, over its test images; None without any."""

    label: str
    images: int
    accuracy: str


def facts(run: Run, result: Result, image: tuple[int, int, int], kinds: tuple[str, str], digest: str) -> Facts:
    """Everything that is known of a cell. Raises KitError if a record of it does not belong to the run."""
    cell = result.cell
    if stale := {name: why for name, why in result.stale.items() if not name.endswith(".json")}:  # a bench is left out
        name, why = next(iter(stale.items()))
        raise KitError(f"{name} is stale ({why})", f"`{run.command}` makes it again")
    record = run.record(maker(PREDICTIONS, cell).name, cell)
    counts = read_as(EvaluateValues, record.values, record).test if record else None
    return Facts(run, cell, result, run.preset.data, image, *kinds, digest, counts)


def text(facts: Facts, signed: Signed) -> str:
    """The card: Markdown behind a block of YAML, whose values are written as JSON, which YAML contains."""
    environment = jinja2.Environment(  # noqa: S701 - Markdown
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"yaml": lambda value: json.dumps(value, ensure_ascii=False), "cell": _cell}
    template = environment.from_string(resources.files("kit.deploy").joinpath("card.md.j2").read_text("utf-8"))
    return template.render(_shown(facts, signed))


def _shown(facts: Facts, signed: Signed) -> dict[str, object]:
    result, cell, preset = facts.result, facts.cell, facts.run.preset
    known, rows = preset.architecture(cell.architecture), _classes(facts)
    return {
        "name": label(cell),
        "cell": cell,
        "kit": __version__,
        "signed": signed,
        "data": facts.data,
        "architecture": known,
        "precision": PRECISIONS.get(cell.precision or "", ""),
        "height": facts.image[0],
        "width": facts.image[1],
        "input": facts.input,
        "output": facts.output,
        "low": f"{known.input_offset:g}",
        "high": f"{255 * known.input_scale + known.input_offset:g}",
        "top1": result.test.top1 if result.test else None,
        "accuracy": _accuracy(result.test.top1 * result.test.n, result.test.n) if result.test else "not evaluated",
        "top3": f"{result.test.top3:.4f}" if result.test else "",
        "n": result.test.n if result.test else 0,
        "classes": rows[:_WORST] if len(rows) > _MOST_CLASSES else rows,
        "is_cut": len(rows) > _MOST_CLASSES,
        "sizes": _sizes(result),
        "benches": [_bench(one) for one in result.benches if one.is_valid and one.series.origin in _PLACES],
        "epochs": preset.training.epochs,
        "seed": cell.seed,
        "preset": preset.name,
        "command": f"{facts.run.made_by} {cell.name}",  # without folders of the author's machine
        "is_own": not isinstance(preset.dataset, str),
        "digest": facts.digest,
        "beside": facts.result.engine.without_delegate if facts.result.engine else None,
    }


def _accuracy(correct: float, n: int) -> str:
    low, high = wilson(correct, n)
    return f"{correct / n:.4f} [{low:.4f}, {high:.4f}]"


def _classes(facts: Facts) -> list[Row]:
    """Each class in its order; where there are many, the worst first."""
    confusion = facts.counts.matrix() if facts.counts else ()
    named = enumerate(zip(facts.data.classes, confusion, strict=False))
    each = [(name, round(math.fsum(row)), row[at]) for at, (name, row) in named]
    if len(each) > _MOST_CLASSES:
        each.sort(key=lambda one: one[2] / one[1] if one[1] else 2)
    return [Row(name, n, _accuracy(min(hits, n), n) if n else "–") for name, n, hits in each]


def _sizes(result: Result) -> list[tuple[str, str]]:
    found = {
        "file without metadata, bytes": result.size_bytes,
        "the same after gzip -9, bytes": result.gzip_bytes,
        "parameters": result.parameters,
    }
    shown = [(name, f"{value:,}") for name, value in found.items() if value is not None]
    sparsity = result.achieved_sparsity
    return [*shown, *([("zeros among the parameters", f"{sparsity:.1%}")] if sparsity is not None else [])]


class Bench(Struct, frozen=True):
    """A row of the table of latencies."""

    machine: str
    how: str
    latency: str
    memory: str
    warnings: tuple[str, ...]


def _bench(one: BenchResult) -> Bench:
    series = one.series
    how = f"{series.interpreter}, delegate {series.delegate}, {series.threads} thread{'s' if series.threads > 1 else ''}"
    return Bench(
        series.device + _PLACES[series.origin],
        f"{how}, {f'protocol {series.protocol}' if series.protocol else 'no protocol recorded'}",
        f"{_interval(one.latency)} µs{' ?' if one.latency.warnings else ''}",
        f"{one.memory.value / 1e6:.2f} MB",
        one.latency.warnings,
    )


def _interval(one: Measurement) -> str:
    shown = f"{one.value:,.0f}"
    return f"{shown} [{one.interval[0]:,.0f}, {one.interval[1]:,.0f}]" if one.interval else shown


def _cell(text: object) -> str:
    """Text for a cell of a Markdown table."""
    return str(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
