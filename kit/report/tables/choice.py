"""The table to choose a network from: accuracy and costs of each point of the grid, and the command that makes its file."""

from __future__ import annotations

from msgspec.structs import replace

from kit.analysis.front import COSTS, Choice, choices, front
from kit.analysis.material import Material
from kit.report.language import Language
from kit.report.tables.table import MISSING, Table, TableRow, Value, brackets, number
from kit.runs.run import Run
from kit.study.grid import Point
from kit.study.preset import Preset, built_in


def choice(material: Material, language: Language) -> Table:
    """All points, the most accurate first."""
    tr, found = language.tr, choices(material)
    fronts = {what: front(found, what) for what in COSTS}
    names = {"file_kb": tr("file"), "gzip_kb": tr("gzip"), "latency_us": tr("latency")}
    headers = [
        tr("cell"), tr("top-1 [95 %]"), tr("file kB"), tr("gzip kB"), tr("latency, µs"), tr("peak memory MB"),
        tr("on the front"), tr("command that makes the file"),
    ]  # fmt: skip
    note = tr(
        "On the front: no other cell is as accurate with less of this. Ties are shared evenly. Sizes are in units of 1,000 "
        "bytes. `kit reproduce` makes all that is not there yet; `kit compress` starts from the run's trained weights."
    )
    rows = [
        _row(one, ", ".join(names[what] for what in COSTS if one in fronts[what]), material.run, language)
        for one in sorted(found, key=lambda one: (-one.top1.mean, one.point))
    ]
    return Table("choice", tr("Which network should I take?"), note, headers, rows)


def on_the_front(table: Table) -> Table:
    """Only those rows of `choice` that are on one of the fronts."""
    return replace(table, rows=[row for row in table.rows if row.values[-2].text != MISSING])


def _row(one: Choice, fronts: str, run: Run, language: Language) -> TableRow:
    r, around = one.result, brackets(100 * one.top1.low, 100 * one.top1.high, ".1f", language)
    bench = r.bench.record if r.bench else ""
    return TableRow(
        [
            Value(one.point.name),
            number(language, 100 * one.top1.mean, ".1f", r.records.predictions, f"% {around}"),
            number(language, one.file_kb, ",.1f", r.records.model),
            number(language, one.gzip_kb, ",.1f", r.records.model),
            number(language, one.latency_us, ",.0f", bench),
            number(language, one.memory_mb, ",.2f", bench),
            Value(fronts or MISSING),
            Value(command(run, one.point), tone="code"),
        ],
        one.point,
    )


def command(run: Run, point: Point) -> str:
    """What makes the file of a point, of the first seed: by the built-in preset or by one that lies beside the records, else
    in the run itself."""
    seed, known = run.preset.seeds[0], built_in(run.preset)
    name = point.name if len(run.preset.seeds) == 1 else point.of_seed(seed).name
    if known is None or seed not in known.seeds or _protocol(known) != _protocol(run.preset):
        own = f"{run.preset.name}.toml"
        is_beside = (run.folder / own).is_file()
        return f"kit reproduce --preset {own} {name}" if is_beside else f"kit compress {run.folder.resolve().name} {name}"
    extra = "" if point.architecture in known.architectures else " --all"
    return f"kit reproduce --preset {known.name}{extra} {name}"


def _protocol(preset: Preset) -> Preset:
    """What decides a file, whatever the grid."""
    return replace(preset, architectures=(), extra_architectures=(), sparsities=(), precisions=(), seeds=())
