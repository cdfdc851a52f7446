"""Render the report of one or more runs, from their records alone: `report.md`, `report.html`, and `figures/`."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import msgspec
from markupsafe import Markup

from kit import __version__
from kit.errors import KitError
from kit.records.run import Run
from kit.report import drawing, page, side_by_side
from kit.report.language import Language
from kit.report.material import gather
from kit.report.page import Section
from kit.report.results import results
from kit.report.study import Study


def check(runs: Sequence[Run]) -> None:
    """Raise KitError where a run has no results at all."""
    for run in runs:
        if not any(result.weights or result.size_bytes for result in results(run)):
            raise KitError(f"{run.folder} has no results yet", "run `kit reproduce` first")


def pages(runs: Sequence[Run], study: Study, folder: Path, language: Language) -> dict[Path, bytes]:
    """The report that belongs into `folder`, file by file: both pages, then the figures."""
    many = len(runs) > 1
    sections = [
        page.section(gather(run, concluded), folder, f"{index}-" if many else "", language)
        for index, (run, concluded) in enumerate(zip(runs, study.runs, strict=True), 1)
    ]
    content = _content(sections, study, language)
    written = {folder / name: _page(name, content, language) for name in ("report.md", "report.html")}
    files = {folder / drawn.file: _file(drawn.svg) for section in sections for drawn in section.figures}
    return {path: text.encode() for path, text in {**written, **files}.items()}


def _content(sections: list[Section], study: Study, language: Language) -> dict[str, Any]:
    return {
        "sections": sections,
        "together": side_by_side.together(study, sections, language),
        "name": ", ".join(section.name for section in sections),
        "version": __version__,
        "language": language,
        "tr": language.tr,
    }


def _page(name: str, content: dict[str, Any], language: Language) -> str:
    environment = _environment(language)
    if name.endswith(".html"):
        content = content | _assets(language)
    return environment.get_template(f"{name}.j2").render(content)


def _assets(language: Language) -> dict[str, Any]:
    """The page's own style and scripts. The policy names the scripts by their hashes: no other one runs."""
    script, vega = _asset("report.js"), drawing.javascript()
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (script, vega)]
    return {
        "style": Markup(_asset("report.css")),  # noqa: S704 - the kit's own file
        "script": Markup(script),  # noqa: S704 - the kit's own file
        "vega": Markup(vega),  # noqa: S704 - Vega's own text
        "script_sources": " ".join(f"'sha256-{digest}'" for digest in hashes),
        "number_format": drawing.locale(language),
    }


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
    )
    environment.install_gettext_callables(language.gettext, language.ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.policies["ext.i18n.trimmed"] = True
    environment.filters["cell"] = _markdown
    environment.filters["number"] = language.number
    environment.filters["script_json"] = _script_json
    environment.filters["raw_svg"] = Markup
    return environment


def _markdown(text: str) -> str:
    """Foreign text as one Markdown table cell: nothing in it ends the cell or becomes markup."""
    escaped = text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
    return " ".join(escaped.replace("](", "]\\(").split())


def _script_json(value: object) -> Markup:
    """JSON for a script element: no `<` in it can end the element."""
    text = msgspec.json.encode(value).decode().replace("<", "\\u003c")
    return Markup(text)  # noqa: S704 - escaped above


def _file(svg: str) -> str:
    """A figure as a file of its own: on white, whatever page shows it."""
    return svg.replace("<svg ", '<svg style="background:#fff;color:#1b1f24" ', 1) + "\n"
