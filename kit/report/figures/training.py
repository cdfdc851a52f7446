"""Figures of how the weights were made: the training curves, and the pruning schedule as it ran."""

from __future__ import annotations

import altair as alt

from kit.analysis.material import Material
from kit.report.figures import drawing
from kit.report.figures.drawing import HEIGHT, WIDTH, Field, Figure, Row, Rows
from kit.report.figures.parts import labels
from kit.report.language import Language
from kit.runs.record import Record
from kit.stages import prune, train
from kit.stages.values import PruneValues, TrainValues
from kit.study import architectures
from kit.study.grid import named


def curves(material: Material, language: Language) -> Figure | None:
    """Top-1 on the training images and on those that the best epoch was selected on, epoch by epoch."""
    trained = [(source.record, source.values(TrainValues)) for source in material.of(train.STAGE.name)]
    if not trained:
        return None
    tr, count = language.tr, len(material.run.preset.seeds)
    names = [tr("training images, as trained on"), tr("images that the best epoch is chosen on")]
    fields = {
        "architecture": Field(tr("architecture")),
        "epoch": Field(tr("epoch"), ".0f"),
        "split": Field(tr("images")),
        "top1": Field(tr("top-1"), ".4f"),
    }
    if count > 1:
        fields |= {"low": Field(tr("lowest"), ".4f"), "high": Field(tr("highest"), ".4f")}
    data = _curve_rows(trained, names)
    chart = drawing.facets(_curve_lines(fields, names), "architecture", labels(material.results))
    held_out = dict.fromkeys(record.settings["validation_images"] != 0 for record, _ in trained)
    images = [tr("held-out training images") if own else tr("the test images") for own in held_out]
    if count > 1:
        caption = tr(
            "Mean of {count} trainings of each network, and the band from the lowest to the highest. Vertical lines are the "
            "best epochs, chosen by the loss on {images}; their weights are the ones that are pruned, quantized and "
            "measured.",
            count=count, images=images,
        )  # fmt: skip
    else:
        caption = tr(
            "One training for each architecture (n = 1, no spread). The vertical line is the best epoch, chosen by the loss "
            "on {images}; its weights are the ones that are pruned, quantized and measured.",
            images=images,
        )
    return drawing.figure("training", chart, tr("Training: top-1 accuracy by epoch"), caption, data, fields)


def _label(record: Record) -> str:
    return architectures.label(named(record.cell).architecture)


def _curve_rows(trained: list[tuple[Record, TrainValues]], names: list[str]) -> Rows:
    """Mean and range over the trainings that got as far as an epoch, and how many of them have their best one there."""
    by_network: dict[str, list[TrainValues]] = {}
    for record, values in trained:
        by_network.setdefault(_label(record), []).append(values)
    rows: Rows = []
    for network, each in by_network.items():
        best = [values.best_epoch for values in each]
        for epoch in range(max(len(values.history) for values in each)):
            reached = [values.history[epoch] for values in each if epoch < len(values.history)]
            tops = ([one.top1 for one in reached], [one.selection_top1 for one in reached])
            for name, top1 in zip(names, tops, strict=True):
                row: Row = {"architecture": network, "epoch": epoch + 1, "split": name}
                row |= {"top1": sum(top1) / len(top1), "best": best.count(epoch)}
                rows.append(row | ({"low": min(top1), "high": max(top1)} if len(each) > 1 else {}))
    return rows


def _curve_lines(fields: dict[str, Field], names: list[str]) -> alt.LayerChart:
    title, axis = fields["top1"].header, alt.Axis(format="%", tickCount=5)
    base = alt.Chart().encode(
        x=alt.X("epoch:Q", title=fields["epoch"].header, axis=alt.Axis(format="d", tickCount=5, grid=False)),
        color=drawing.colour("split", fields["split"].header, names, names),
    )
    dash = alt.StrokeDash("split:N", title=fields["split"].header, scale=alt.Scale(domain=names, range=[[1, 0], [5, 3]]))
    line = base.mark_line(strokeWidth=1.5).encode(
        y=alt.Y("top1:Q", title=title, axis=axis), strokeDash=dash, tooltip=drawing.tooltip(fields)
    )
    best = alt.Chart().mark_rule(color=drawing.GREY).transform_filter("datum.best > 0").encode(x="epoch:Q")
    layers = [best, line]
    if "low" in fields:
        layers.insert(1, base.mark_area(opacity=0.25).encode(y=alt.Y("low:Q", title=title, axis=axis), y2="high:Q"))
    return drawing.layered(*layers, width=WIDTH, height=HEIGHT)


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
            "architecture": _label(source.record),
            "nominal": f"{source.record.settings['sparsity']} %",
            "epoch": epoch,
            "sparsity": one.extra["mask_sparsity"],
        }
        for source in material.of(prune.STAGE.name)
        if source.record.settings["seed"] == material.run.preset.seeds[0]
        for epoch, one in enumerate(source.values(PruneValues).history, 1)
        if "mask_sparsity" in one.extra
    ]
    if not data:
        return None
    chart = drawing.facets(
        _schedule_lines(fields, sorted(drawing.texts(data, "nominal"))), "architecture", labels(material.results)
    )
    title = tr("Pruning as it ran: sparsity of the masks by epoch")
    caption = tr(
        "Zeros in the masks of the layers that are pruned, after each epoch (exact; n = 1, of the first seed). The "
        "last update comes before the schedule ends, so the nominal sparsity is not reached."
    )
    return drawing.figure("pruning", chart, title, caption, data, fields)


def _schedule_lines(fields: dict[str, Field], nominal: list[str]) -> alt.Chart:
    title = fields["nominal"].header
    line: alt.Chart = (
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
    return line
