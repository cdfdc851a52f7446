"""How a run was made: its protocol's known weaknesses, where it differs from the study's, and the machines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kit.records.record import Record
from kit.report.language import Language
from kit.study.datasets import dataset
from kit.study.preset import Preset


def weaknesses(preset: Preset, language: Language) -> list[str]:
    """What a reader must know before believing a number."""
    tr, known = language.tr, []
    if preset.training.validation_images == 0:
        known.append(
            tr(
                "The best epoch was chosen on the test set, as the study did. Test accuracies are therefore too high by an "
                "unknown amount; a preset with validation_images above 0 avoids it."
            )
        )
    if not preset.pruning.depthwise:
        known.append(tr("Depthwise kernels are not pruned: tfmot leaves them alone, and the study by that did too."))
    known.append(
        tr(
            "The pruning schedule ends before the nominal sparsity is reached, as the study's published zeros show: the "
            "table of achieved sparsity has what was really reached."
        )
    )
    if preset.dataset != "cifar10":
        label = dataset(preset.dataset).label
        known.append(tr("The images are {images}: no accuracy here compares with the study's.", images=label))
    return known


def differences(preset: Preset, language: Language) -> list[str]:
    """In what the protocol differs from the study's, one clause each."""

    def shown(value: object) -> str:
        return language.tr("absent") if value is None else str(value)

    return [
        language.tr("{setting} is {own} instead of {paper}", setting=one.setting, own=shown(one.own), paper=shown(one.paper))
        for one in preset.differences()
    ]


def environments(records: Iterable[Record]) -> list[dict[str, Any]]:
    """The distinct environments, each with the stages that ran in it."""
    seen: list[tuple[dict[str, Any], set[str]]] = []
    for record in records:
        for environment, stages in seen:
            if environment == record.environment:
                stages.add(record.stage)
                break
        else:
            seen.append((record.environment, {record.stage}))
    return [{"stages": sorted(stages), **environment} for environment, stages in seen]
