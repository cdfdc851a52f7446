"""The figure of an audit of int8: how the error grows from layer to layer."""

from __future__ import annotations

import altair as alt

from kit.analysis.material import Material
from kit.report.figures import drawing
from kit.report.figures.drawing import HEIGHT, WIDTH, Field, Figure, Rows
from kit.report.language import Language
from kit.report.tables.audit import Audited, audits
from kit.stages.audited import added_error
from kit.study import architectures


def by_layer(material: Material, language: Language) -> Figure | None:
    """The relative error of the int8 activations against the place of the layer, one line for each sparsity."""
    found, tr = audits(material.run), language.tr
    if not found:
        return None
    fields = {
        "architecture": Field(tr("architecture")),
        "sparsity": Field(tr("nominal sparsity")),
        "place": Field(tr("place of the layer"), ",.0f"),
        "layer": Field(tr("layer")),
        "accumulated": Field(tr("error up to here"), ".1%"),
        "added": Field(tr("adds"), ".1%"),
    }
    data = [row for one in found for row in _rows(one)]
    x = alt.X("place:Q", title=fields["place"].header, axis=alt.Axis(tickCount=5))
    y = alt.Y("accumulated:Q", title=fields["accumulated"].header, axis=alt.Axis(format="%", tickCount=5))
    sparsities = drawing.texts(data, "sparsity")
    base = alt.Chart().encode(x=x, y=y, color=drawing.colour("sparsity", fields["sparsity"].header, sparsities, sparsities))
    point = base.mark_point(filled=True, size=14, opacity=1).encode(
        tooltip=drawing.tooltip(fields), shape=drawing.shape("sparsity", fields["sparsity"].header, sparsities, sparsities)
    )
    layers = drawing.layered(base.mark_line(strokeWidth=1.2), point, width=WIDTH, height=HEIGHT)
    chart = drawing.facets(layers, "architecture", drawing.texts(data, "architecture"))
    caption = tr(
        "RMS error of the int8 activations over the RMS of the float32 ones, from the image on, over the calibration "
        "images. One training; exact for these images."
    )
    return drawing.figure(
        "int8-by-layer", chart, tr("How far int8 drifts from float32, layer by layer"), caption, data, fields
    )


def _rows(one: Audited) -> Rows:
    return [
        {
            "architecture": architectures.label(one.cell.architecture),
            "sparsity": f"{one.cell.sparsity} %",
            "place": float(place + 1),
            "layer": layer.label,
            "accumulated": layer.accumulated_error,
            "added": added_error(one.values.layers, place),
        }
        for place, layer in enumerate(one.values.layers)
    ]
