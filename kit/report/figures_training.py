"""Figures of how the weights came about: the training curves, and the pruning schedule as it ran."""

from __future__ import annotations

from typing import Any

import altair as alt

from kit.report import drawing
from kit.report.drawing import HEIGHT, WIDTH, Field, Figure, Rows
from kit.report.figures_accuracy import labels
from kit.report.language import Language
from kit.report.material import Material
from kit.study.architectures import architecture


def curves(material: Material, language: Language) -> Figure | None:
    """Top-1 on the training images and on those that the best epoch was selected on, epoch by epoch."""
    trained = material.of("train")
    if not trained:
        return None
    tr = language.tr
    names = {"top1": tr("training images, as trained on"), "selection_top1": tr("images that the best epoch is chosen on")}
    fields = {
        "architecture": Field(tr("architecture")),
        "epoch": Field(tr("epoch"), ".0f"),
        "split": Field(tr("images")),
        "top1": Field(tr("top-1"), ".4f"),
    }
    data: Rows = [
        {
            "architecture": architecture(source.record.settings["architecture"]).label,
            "epoch": epoch,
            "split": name,
            "top1": values[key],
            "best": source.record.values["best_epoch"] + 1,
        }
        for source in trained
        for epoch, values in enumerate(source.record.values["history"], 1)
        for key, name in names.items()
    ]
    chart = drawing.facets(_curve_lines(fields, list(names.values())), "architecture", labels(material.results))
    selected = dict.fromkeys(source.record.settings["selected_on"] for source in trained)
    caption = tr(
        "One training for each architecture (n = 1, no spread). The vertical line is the best epoch, chosen by the loss on "
        "{images}; its weights are the ones that are pruned, quantized and measured.",
        images=[tr("held-out training images") if name == "validation" else tr("the test images") for name in selected],
    )  # fmt: skip
    return drawing.figure("training", chart, tr("Training: top-1 accuracy by epoch"), caption, data, fields)


def _curve_lines(fields: dict[str, Field], names: list[str]) -> Any:
    line = (
        alt.Chart()
        .mark_line(strokeWidth=1.5)
        .encode(
            x=alt.X("epoch:Q", title=fields["epoch"].header, axis=alt.Axis(format="d", tickCount=5, grid=False)),
            y=alt.Y("top1:Q", title=fields["top1"].header, axis=alt.Axis(format="%", tickCount=5)),
            color=drawing.colour("split", fields["split"].header, names, names),
            strokeDash=alt.StrokeDash(
                "split:N", title=fields["split"].header, scale=alt.Scale(domain=names, range=[[1, 0], [5, 3]])
            ),
            tooltip=drawing.tooltip(fields),
        )
    )
    best = alt.Chart().mark_rule(color=drawing.GREY).transform_filter("datum.epoch == datum.best").encode(x="epoch:Q")
    return alt.layer(best, line).properties(width=WIDTH, height=HEIGHT)


def schedule(material: Material, language: Language) -> Figure | None:
    """The sparsity of the pruning masks after each epoch."""
    tr = language.tr
    fields = {
        "architecture": Field(tr("architecture")),
        "nominal": Field(tr("nominal sparsity")),
        "epoch": Field(tr("epoch"), ".0f"),
        "sparsity": Field(tr("mask sparsity"), ".4f"),
    }
    data: Rows = [
        {
            "architecture": architecture(source.record.settings["architecture"]).label,
            "nominal": f"{source.record.settings['sparsity']} %",
            "epoch": epoch,
            "sparsity": values["extra"]["mask_sparsity"],
        }
        for source in material.of("prune")
        for epoch, values in enumerate(source.record.values["history"], 1)
        if "mask_sparsity" in values["extra"]
    ]
    if not data:
        return None
    chart = drawing.facets(
        _schedule_lines(fields, sorted({row["nominal"] for row in data})), "architecture", labels(material.results)
    )
    title = tr("Pruning as it ran: sparsity of the masks by epoch")
    caption = tr(
        "Zeros in the masks of the layers that are pruned, after each epoch (exact; n = 1). The last update comes before "
        "the schedule ends, so the nominal sparsity is not reached."
    )
    return drawing.figure("pruning", chart, title, caption, data, fields)


def _schedule_lines(fields: dict[str, Field], nominal: list[str]) -> Any:
    title = fields["nominal"].header
    return (
        alt.Chart()
        .mark_line(interpolate="step-after", point=alt.OverlayMarkDef(size=30))
        .encode(
            x=alt.X(
                "epoch:Q", title=fields["epoch"].header, axis=alt.Axis(format="d", tickMinStep=1, tickCount=6, grid=False)
            ),
            y=alt.Y("sparsity:Q", title=fields["sparsity"].header, axis=alt.Axis(format="%", tickCount=4)),
            color=drawing.colour("nominal", title, nominal, nominal),
            strokeDash=alt.StrokeDash("nominal:N", title=title, scale=alt.Scale(domain=nominal)),
            tooltip=drawing.tooltip(fields),
        )
        .properties(width=WIDTH, height=HEIGHT)
    )
