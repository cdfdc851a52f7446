"""The content of the report's pages: everything that the templates show, in one language."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kit import store
from kit.analysis.flips import flips
from kit.analysis.forecast import collapses, forecasts
from kit.analysis.material import Material, Source
from kit.analysis.pairs import pairs
from kit.analysis.studied import is_studied
from kit.containers import image
from kit.errors import KitError
from kit.report import method, mistakes
from kit.report.figures import every, front
from kit.report.figures.drawing import Figure, svgs
from kit.report.language import Language
from kit.report.mistakes import Mistakes
from kit.report.tables import (
    audit,
    benches,
    beside,
    cells,
    choice,
    classes,
    engines,
    questions,
    study,
    thesis,
    time,
    trainings,
    verdicts,
)  # fmt: skip
from kit.report.tables.table import Table
from kit.report.tables.verdicts import Group
from kit.study import datasets
from kit.study.datasets import Dataset
from kit.study.preset import Preset

_NEAR = 2
ON_WHITE = 'style="background:#fff;color:#1b1f24" '  # in a figure's own file: whatever page shows it

if TYPE_CHECKING:
    from kit.datasets.splits import Images


class Drawn(Struct, frozen=True):
    """A figure and its picture; `file` is where the Markdown page finds it."""

    figure: Figure
    svg: str
    file: str


class Proof(Struct, frozen=True):
    """One record as the page lists it: its `anchor` in the page, and a `link` to its file if that is nearby."""

    anchor: str
    source: Source
    link: str


class Detail(Struct, frozen=True):
    """What the Markdown page leaves to a file beside it: `template` renders the file, `tables` are those in it."""

    title: str
    file: str
    template: str
    tables: list[Table] = []


class Section(Struct, frozen=True):
    """One run. `prefix` keeps the anchors and files of several runs apart; it is empty if there is one.

    `unlike` says what cannot be the same as in the study, and the likely effect of each. `matrix` has the published cells
    beside the own ones. A run that the study has nothing to do with has neither, and no `groups` of claims, but `questions`
    that are answered of any network. `picture` and `choice` answer which network to take, `front` has the rows on the
    Pareto fronts. Long tables are in `details` of the Markdown page, folded in the other one.
    """

    prefix: str
    name: str
    preset: Preset
    dataset: Dataset
    material: Material
    weaknesses: list[str]
    unlike: list[tuple[str, str]]
    differences: list[str]
    groups: list[Group]
    questions: list[Table]
    picture: Drawn | None
    choice: Table
    front: Table
    matrix: Table
    mistakes: list[Mistakes]
    tables: list[Table]
    details: list[Detail]
    figures: list[Drawn]
    missing_figures: list[str]
    environments: list[dict[str, object]]
    images: list[image.ImageRecord]
    proofs: dict[str, Proof]

    @property
    def drawn(self) -> list[Drawn]:
        """All figures."""
        return [*([self.picture] if self.picture else []), *self.figures]


def section(material: Material, folder: Path, prefix: str, language: Language, images: Images | None = None) -> Section:
    """All about one run, for a report that is written into `folder`; with thumbnails if the test `images` are given."""
    run = material.run
    known = datasets.get(run.preset.dataset)
    drawn, missing = every.all_figures(material, language)
    if stale := [r.cell.name for r in material.each if r.stale]:
        missing.append(language.tr("what is stale of {cells}", cells=stale))
    flipped = flips(material)
    tables = [*all_tables(material, language), *([mistakes.table(flipped, language)] if flipped else [])]
    shown = _shown(drawn, missing, folder, prefix, language)
    chosen = choice.choice(material, language)
    studied = is_studied(run.preset)
    return Section(
        prefix=prefix,
        name=run.name,
        preset=run.preset,
        dataset=known,
        material=material,
        weaknesses=[
            *method.standing_of(run, material.stale, language),
            *method.weaknesses(run.preset, language),
            *method.unknown_ties(material.each, language),
            *method.mixed((source.record for source in material.sources), language),
        ],
        unlike=method.unlike(run.preset, language) if studied else [],
        differences=method.differences(run.preset, language) if studied else [],
        groups=verdicts.groups(material.verdicts, language) if studied else [],
        questions=[] if studied else questions.questions(material, language),
        picture=next((one for one in shown if one.figure.key == front.KEY), None),
        choice=chosen,
        front=choice.on_the_front(chosen),
        matrix=_matrix(material, language, studied),
        mistakes=mistakes.mistakes(material, flipped, language, images),
        tables=tables,
        details=_details(tables, prefix, language, studied),
        figures=[one for one in shown if one.figure.key != front.KEY],
        missing_figures=missing,
        environments=method.environments(source.record for source in material.sources),
        images=image.kept(run.folder),
        proofs=_proofs(material, folder, prefix),
    )


def _matrix(material: Material, language: Language, is_studied: bool) -> Table:
    """Without rows if there is nothing published to stand beside."""
    made = beside.matrix(material, language)
    return made if is_studied else replace(made, rows=[])


def _shown(figures: list[Figure], missing: list[str], folder: Path, prefix: str, language: Language) -> list[Drawn]:
    """The figures as pictures, those of an earlier report in `folder` if they are still the same. Where the engine fails the
    page does without, and says why."""
    files = {f"{prefix}{figure.key}": f"figures/{prefix}{figure.key}.svg" for figure in figures}
    earlier = {name: _earlier(folder / file) for name, file in files.items()}
    try:
        pictures = svgs(dict(zip(files, figures, strict=True)), language, earlier)
    except KitError as error:
        missing.append(language.tr("all figures: {reason}", reason=str(error)))
        return []
    return [Drawn(figure, pictures[name], files[name]) for name, figure in zip(files, figures, strict=True)]


def _earlier(path: Path) -> str:
    try:
        return (store.read(path) or b"").decode(errors="replace").replace(ON_WHITE, "").rstrip()
    except KitError:
        return ""


def all_tables(material: Material, language: Language) -> list[Table]:
    """The tables of one run, the short ones first."""
    each = material.each
    compared = [pair.joined() for own in pairs(material.concluded).values() for pair in own.values()]
    audits = audit.audits(material.run)
    made = [
        cells.stale(material.stale, language),
        thesis.trained_networks(material, language),
        thesis.variants(material, language),
        thesis.depthwise(material, language),
        time.spent(material, language),
        audit.lost(audits, language),
        cells.cells(each, language),
        study.comparisons(compared, language),
        study.compressions([row for one in material.concluded for row in one.compressions], language),
        benches.benches(each, language),
        cells.sizes(each, language),
        engines.without_delegate(each, language),
        audit.given_back(audits, language),
        audit.worst(audits, language),
        cells.sparsity(each, language),
        trainings.collapses(collapses(material.concluded), "collapses", language),
        *classes.by_class(material, language),
    ]
    if len(material.concluded) > 1:
        made.append(trainings.forecasts(forecasts(material.concluded), "next-training", language))
        made.append(verdicts.by_training("trainings-claims", material.concluded, language))
    return [table for table in made if table.rows]


def _details(tables: list[Table], prefix: str, language: Language, is_studied: bool) -> list[Detail]:
    """The files beside the Markdown page: the evidence, each long table, the environment and the records."""
    tr, by_class = language.tr, [table for table in tables if table.key.startswith("classes-")]
    long = [table for table in tables if table.is_long and table not in by_class]
    grouped = [("classes", tr("Top-1 by class"), by_class), *((table.key, table.title, [table]) for table in long)]
    return [
        *([Detail(tr("Evidence of the verdicts"), _beside("evidence", prefix), "evidence.md")] if is_studied else []),
        *(Detail(title, _beside(key, prefix), "details.md", own) for key, title, own in grouped if own),
        Detail(tr("Environment"), _beside("environment", prefix), "environment.md"),
        Detail(tr("Records"), _beside("records", prefix), "records.md"),
    ]


def _beside(key: str, prefix: str) -> str:
    return f"details/{prefix}{key}.md"


def _proofs(material: Material, folder: Path, prefix: str) -> dict[str, Proof]:
    """The records by their paths in the run."""
    way = Path(os.path.relpath(material.run.folder.resolve(), folder.resolve()))
    near = way.parts.count("..") <= _NEAR
    return {
        source.path: Proof(f"{prefix}r{index}", source, (way / source.path).as_posix() if near else "")
        for index, source in enumerate(material.sources, 1)
    }
