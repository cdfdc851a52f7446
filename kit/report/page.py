"""What stands on the report's pages: everything that the templates show, in one language."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

from kit.records import image
from kit.report import figures, protocol, tables, tables_bench, tables_study
from kit.report.answers import Answer, answer, tally
from kit.report.drawing import Figure, svg
from kit.report.language import Language
from kit.report.material import Material, Source
from kit.report.tables import Table
from kit.study.datasets import Dataset, dataset
from kit.study.preset import Preset

_NEAR = 2


class Drawn(Struct, frozen=True):
    """A figure and its picture; `file` is where the Markdown page finds it."""

    figure: Figure
    svg: str
    file: str


class Proof(Struct, frozen=True):
    """One record as the page lists it: `anchor` in the page, and `link` to its file where that is near."""

    anchor: str
    source: Source
    link: str


class Section(Struct, frozen=True):
    """One run. `prefix` keeps the anchors of several runs apart; it is empty where there is one."""

    prefix: str
    name: str
    preset: Preset
    dataset: Dataset
    material: Material
    weaknesses: list[str]
    differences: list[str]
    tally: list[tuple[str, str, int]]
    answers: list[Answer]
    tables: list[Table]
    figures: list[Drawn]
    missing_figures: list[str]
    environments: list[dict[str, object]]
    images: list[dict[str, object]]
    proofs: dict[str, Proof]


def section(material: Material, folder: Path, prefix: str, language: Language) -> Section:
    """All about one run, for a report that is written into `folder`."""
    run = material.run
    known = dataset(run.preset.dataset)
    drawn, missing = figures.all_figures(material, language)
    return Section(
        prefix=prefix,
        name=run.name,
        preset=run.preset,
        dataset=known,
        material=material,
        weaknesses=protocol.weaknesses(run.preset, language),
        differences=protocol.differences(run.preset, language),
        tally=tally(material.concluded.verdicts, language),
        answers=[answer(verdict, language) for verdict in material.concluded.verdicts],
        tables=all_tables(material, language),
        figures=[Drawn(figure, svg(figure, language), f"figures/{prefix}{figure.key}.svg") for figure in drawn],
        missing_figures=missing,
        environments=protocol.environments(source.record for source in material.sources),
        images=image.kept(run.folder),
        proofs=_proofs(material, folder, prefix),
    )


def all_tables(material: Material, language: Language) -> list[Table]:
    """The tables of one run."""
    found, known = material.results, dataset(material.run.preset.dataset)
    made = [
        tables.cells(found, language),
        tables_study.comparisons(material.concluded.comparisons, language),
        tables_study.compressions(material.concluded.compressions, language),
        tables_bench.benches(found, language),
        tables.sizes(found, language),
        tables.sparsity(found, language),
        *tables.by_class(found, known, language),
    ]
    return [table for table in made if table.rows]


def _proofs(material: Material, folder: Path, prefix: str) -> dict[str, Proof]:
    """The records by their paths in the run."""
    way = Path(os.path.relpath(material.run.folder.resolve(), folder.resolve()))
    near = way.parts.count("..") <= _NEAR
    return {
        source.path: Proof(f"{prefix}r{index}", source, (way / source.path).as_posix() if near else "")
        for index, source in enumerate(material.sources, 1)
    }
