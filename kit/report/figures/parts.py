"""What several figures share: the fields that say which cell a row is about, and how precisions look in a chart."""

from __future__ import annotations

import altair as alt

from kit.analysis.results import Result
from kit.report.figures import drawing
from kit.report.figures.drawing import Field, Row
from kit.report.language import Language
from kit.study import architectures
from kit.study.grid import PRECISIONS, Cell, Point, compression


def labels(results: list[Result]) -> list[str]:
    """The architectures' labels, in the order of the preset."""
    return list(dict.fromkeys(architectures.label(r.cell.architecture) for r in results))


def precisions(results: list[Result]) -> list[str]:
    """The precisions of the results, in the order of `PRECISIONS`."""
    present = {r.cell.precision for r in results}
    return [precision for precision in PRECISIONS if precision in present]


def kilobytes(size_bytes: int | None) -> float | None:
    return None if size_bytes is None else size_bytes / 1000


def cell_row(cell: Cell | Point) -> Row:
    """What a row says of its cell: the architecture's label and the precision."""
    return {"architecture": architectures.label(cell.architecture), "precision": cell.precision}


def nominal_row(cell: Cell | Point) -> Row:
    """What a row says of its cell where the nominal sparsity, in words, is part of its name."""
    return {
        "architecture": architectures.label(cell.architecture),
        "sparsity": compression(cell),
        "precision": cell.precision,
    }


def cell_fields(language: Language) -> dict[str, Field]:
    """Headers of `cell_row`."""
    return {"architecture": Field(language.tr("architecture")), "precision": Field(language.tr("precision"))}


def nominal_fields(language: Language) -> dict[str, Field]:
    """Headers of `nominal_row`."""
    tr = language.tr
    return {
        "architecture": Field(tr("architecture")),
        "sparsity": Field(tr("nominal sparsity")),
        "precision": Field(tr("precision")),
    }


def achieved_field(language: Language) -> dict[str, Field]:
    """The header of the sparsity that was reached, 0 to 1."""
    return {"sparsity": Field(language.tr("achieved sparsity"), ".4f")}


def precision_colour(fields: dict[str, Field], present: list[str]) -> alt.Color:
    return drawing.colour("precision", fields["precision"].header, present, list(PRECISIONS))


def precision_shape(fields: dict[str, Field], present: list[str]) -> alt.Shape:
    return drawing.shape("precision", fields["precision"].header, present, list(PRECISIONS))


def against_sparsity(fields: dict[str, Field], present: list[str]) -> alt.Chart:
    """An empty chart with the achieved sparsity on its x axis and a colour for each precision."""
    axis = alt.Axis(format="%", tickCount=4)
    x = alt.X("sparsity:Q", title=fields["sparsity"].header, axis=axis)
    return alt.Chart().encode(x=x, color=precision_colour(fields, present))
