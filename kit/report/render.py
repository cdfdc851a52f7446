"""Write a run's report, from its records alone: `report.md` and `report.html`, the same content twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2

from kit import __version__
from kit.errors import KitError
from kit.records import image, store
from kit.records.run import Run
from kit.report import tables
from kit.report.results import Result, results
from kit.study.datasets import dataset


def write(run: Run, folder: Path) -> list[Path]:
    """Render the report of `run` into `folder` and return the files written. Raises KitError where there are no records."""
    content = _content(run)
    written = []
    for name in ("report.md", "report.html"):
        path = folder / name
        store.write(path, _environment().get_template(name + ".j2").render(content).encode())
        written.append(path)
    return written


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("kit.report"),
        autoescape=jinja2.select_autoescape(("html.j2",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = _markdown
    return environment


def _markdown(text: str) -> str:
    """Foreign text as one Markdown table cell: nothing in it ends the cell or becomes markup."""
    escaped = text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
    return " ".join(escaped.split())


def _content(run: Run) -> dict[str, Any]:
    found = results(run)
    known = dataset(run.preset.dataset)
    if not any(result.weights or result.size_bytes for result in found):
        raise KitError(f"{run.folder} has no results yet", "run `kit reproduce` first")
    missing = [result.cell.name for result in found if not _is_complete(result)]
    return {
        "name": run.name,
        "version": __version__,
        "preset": run.preset,
        "dataset": known,
        "differences": run.preset.differences(),
        "weaknesses": _weaknesses(run),
        "missing": missing,
        "complete": len(found) - len(missing),
        "total": len(found),
        "tables": [
            tables.cells(found),
            tables.sizes(found),
            tables.sparsity(found),
            *tables.by_class(found, known),
        ],
        "environments": list(_environments(run)),
        "images": image.kept(run.folder),
    }


def _is_complete(result: Result) -> bool:
    return all((result.weights, result.size_bytes, result.test, result.latency))


def _weaknesses(run: Run) -> list[str]:
    """What a reader must know before believing a number."""
    known = []
    if run.preset.training.validation_images == 0:
        known.append(
            "The best epoch was chosen on the test set, as the study did. Test accuracies are therefore too high by an "
            "unknown amount; a preset with validation_images above 0 avoids it."
        )
    if not run.preset.pruning.depthwise:
        known.append("Depthwise kernels are not pruned: tfmot leaves them alone, and the study by that did too.")
    known.append(
        "The pruning schedule ends before the nominal sparsity is reached, as the study's published zeros show: the table "
        "of achieved sparsity has what was really reached."
    )
    if run.preset.dataset != "cifar10":
        known.append(f"The images are {dataset(run.preset.dataset).label}: no accuracy here compares with the study's.")
    return known


def _environments(run: Run) -> Iterator[dict[str, Any]]:
    """The distinct environments, with the stages that ran in each."""
    seen: list[tuple[dict[str, Any], set[str]]] = []
    for record in run.records():
        for environment, stages in seen:
            if environment == record.environment:
                stages.add(record.stage)
                break
        else:
            seen.append((record.environment, {record.stage}))
    for environment, stages in seen:
        yield {"stages": sorted(stages), **environment}
