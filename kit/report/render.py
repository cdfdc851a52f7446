"""Render the report of one or more runs, from their records alone: `report.md`, `report.html`, `figures/` and `details/`."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
import msgspec
from markupsafe import Markup

from kit import __version__
from kit.analysis.digits import known
from kit.analysis.material import Material, gather
from kit.analysis.summary import Study
from kit.errors import KitError
from kit.report import page
from kit.report.figures import drawing, engine
from kit.report.language import Language
from kit.report.page import Section
from kit.report.tables import runs
from kit.runs.run import Run

if TYPE_CHECKING:
    from kit.datasets.splits import Images
    from kit.study.datasets import OwnDataset


def check(runs: Sequence[Run], study: Study) -> None:
    """Raise KitError if one of the runs that the study joins, seed by seed, has no results of any seed."""
    found = iter(study.results)
    for run in runs:
        own = [*chain.from_iterable(islice(found, len(run.preset.seeds)))]
        if not any(result.weights or result.size_bytes or result.stale for result in own):
            raise KitError(f"{run.folder} has no results yet", f"run `{run.command}` first")


def pages(
    runs: Sequence[Run],
    study: Study,
    folder: Path,
    language: Language,
    images: Mapping[str | OwnDataset, Images] | None = None,
) -> dict[Path, bytes]:
    """The files of the report in `folder`: both pages, then the figures and the details of the Markdown page.

    `study` is of the same runs, seed by seed. `images` are the test images by their data set, for thumbnails.
    """
    many = len(runs) > 1
    sections = [
        page.section(
            material, folder, f"{index}-" if many else "", language, (images or {}).get(material.run.preset.dataset)
        )
        for index, material in enumerate(_materials(runs, study), 1)
    ]
    content = _content(sections, study, language)
    environment = _environment(language)
    written = {
        folder / "report.md": environment.get_template("report.md.j2").render(content),
        folder / "report.html": environment.get_template("report.html.j2").render(content | _assets(language)),
    }
    files = {folder / drawn.file: _file(drawn.svg) for section in sections for drawn in section.drawn}
    details = {
        folder / detail.file: environment.get_template(f"{detail.template}.j2").render(
            content | {"section": section, "detail": detail}
        )
        for section in sections
        for detail in section.details
    }
    return {path: text.encode() for path, text in {**written, **files, **details}.items()}


def _materials(runs: Sequence[Run], study: Study) -> Iterator[Material]:
    concluded, found = iter(study.runs), iter(study.results)
    for run in runs:
        own = list(islice(concluded, len(run.preset.seeds)))
        rows = chain.from_iterable(islice(found, len(own)))
        yield gather(run, *own, group=study.of(own), found=rows)


def stale(folder: Path, files: Iterable[Path]) -> set[Path]:
    """Figures and details in `folder` that an earlier report left and that are not among `files`."""
    return {*folder.glob("figures/*.svg"), *folder.glob("details/*.md")} - set(files)


def _content(sections: list[Section], study: Study, language: Language) -> dict[str, object]:
    return {
        "sections": sections,
        "together": runs.together(study, sections, language),
        "name": ", ".join(section.name for section in sections),
        "version": __version__,
        "language": language,
        "tr": language.tr,
    }


def _assets(language: Language) -> dict[str, object]:
    """The page's own style and scripts. The policy names the scripts by their hashes: no other one runs."""
    script, vega = _asset("report.js"), _vega()
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (script, vega)]
    return {
        "style": Markup(_asset("report.css")),  # noqa: S704 - the kit's own file
        "script": Markup(script),  # noqa: S704 - the kit's own file
        "vega": Markup(vega),  # noqa: S704 - Vega's own text
        "script_sources": " ".join(f"'sha256-{digest}'" for digest in hashes),
        "number_format": drawing.locale(language),
    }


def _vega() -> str:
    """Where the engine fails the figures stay pictures."""
    try:
        return engine.javascript()
    except KitError:
        return ""


def _asset(name: str) -> str:
    return resources.files("kit.report").joinpath("templates", name).read_text("utf-8")


def _environment(language: Language) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("kit.report"),
        autoescape=jinja2.select_autoescape(("html.j2",)),
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=known,
    )
    environment.install_gettext_callables(language.gettext, language.ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.policies["ext.i18n.trimmed"] = True
    environment.filters["cell"] = _markdown
    environment.filters["number"] = language.number
    environment.filters["script_json"] = _script_json
    environment.filters["raw_svg"] = Markup
    return environment


def _markdown(text: str) -> str:
    """Foreign text as one Markdown table cell: nothing in it can end the cell or become markup."""
    escaped = text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
    return " ".join(escaped.replace("](", "]\\(").split())


def _script_json(value: object) -> Markup:
    """JSON for a script element: no `<` in it can end the element."""
    text = msgspec.json.encode(value).decode().replace("<", "\\u003c")
    return Markup(text)  # noqa: S704 - escaped above


def _file(svg: str) -> str:
    """A figure as a file of its own."""
    return svg.replace("<svg ", f"<svg {page.ON_WHITE}", 1) + "\n"
