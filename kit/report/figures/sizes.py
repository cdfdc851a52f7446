"""The figure of sizes after gzip."""

from __future__ import annotations

import altair as alt

from kit.analysis.material import Material
from kit.analysis.results import Result
from kit.analysis.studied import theirs
from kit.report import captions
from kit.report.figures import drawing
from kit.report.figures.drawing import HEIGHT, WIDTH, Field, Figure, Row, Rows
from kit.report.figures.parts import (
    achieved_field,
    against_sparsity,
    cell_fields,
    cell_row,
    kilobytes,
    labels,
    precision_shape,
    precisions,
)
from kit.report.language import Language


def gzip_by_sparsity(material: Material, language: Language) -> Figure | None:
    """Size after gzip against the sparsity that was reached, one line for each precision."""
    packed = [r for r in material.results if r.gzip_bytes is not None and r.achieved_sparsity is not None]
    if not packed:
        return None
    tr = language.tr
    fields = {
        **cell_fields(language),
        **achieved_field(language),
        "gzip_kb": Field(tr("gzip size, kB"), ",.1f"),
        "file_kb": Field(tr("file size, kB"), ",.1f"),
        "source": Field(tr("source")),
    }
    data = [row for r in packed for row in _size_rows(r, material, language)]
    title = tr("Size after gzip against achieved sparsity")
    chart = drawing.facets(_size_lines(fields, precisions(packed), tr("this run")), "architecture", labels(packed))
    caption = captions.sizes(language) + captions.diamonds(len(data) > len(packed), language)
    return drawing.figure("gzip-by-sparsity", chart, title, caption, data, fields)


def _size_rows(r: Result, material: Material, language: Language) -> Rows:
    """The cell's own sizes, and the published ones."""
    own: Row = {
        **cell_row(r.cell),
        "sparsity": r.achieved_sparsity,
        "gzip_kb": kilobytes(r.gzip_bytes),
        "file_kb": kilobytes(r.size_bytes),
        "source": language.tr("this run"),
    }
    known = theirs(material.run.preset, r.point)
    if known is None:
        return [own]
    study: Row = {
        **cell_row(r.cell),
        "sparsity": known.achieved_sparsity,
        "gzip_kb": known.gzip_mb * 1000,
        "file_kb": known.file_mb * 1000,
        "source": language.tr("published"),
    }
    return [own, study]


def _size_lines(fields: dict[str, Field], present: list[str], own: str) -> alt.LayerChart:
    y = alt.Y("gzip_kb:Q", title=fields["gzip_kb"].header, axis=alt.Axis(format=",.0f", tickCount=5))
    base = against_sparsity(fields, present).encode(y=y)
    ours = base.transform_filter(alt.datum.source == own)
    line = ours.mark_line(strokeWidth=1.5)
    point = ours.mark_point(filled=True, size=45, opacity=1).encode(
        shape=precision_shape(fields, present), tooltip=drawing.tooltip(fields)
    )
    theirs = base.transform_filter(alt.datum.source != own).mark_point(shape="diamond", size=110, strokeWidth=1.5, opacity=1)
    return drawing.layered(line, theirs.encode(tooltip=drawing.tooltip(fields)), point, width=WIDTH, height=HEIGHT)
