"""How a run was made: its protocol's known weaknesses, differences from the study's, and the machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kit.analysis.evidence import STUDIED_DATASET
from kit.analysis.results import Result
from kit.analysis.studied import is_studied
from kit.report.language import Language
from kit.runs.record import Record
from kit.runs.run import Run
from kit.study import datasets
from kit.study.preset import Preset
from kit.workflow.standing import older


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
    if not is_studied(preset):
        schedule = tr("A schedule ends before its nominal sparsity: the table of achieved sparsity has what was reached.")
        return (
            [schedule]
            if preset.pruning.depthwise
            else [tr("Depthwise kernels are not pruned: tfmot leaves them out."), schedule]
        )
    if not preset.pruning.depthwise:
        known.append(tr("Depthwise kernels are not pruned: tfmot leaves them out, and so did the study."))
    known.append(
        tr(
            "The pruning schedule ends before the nominal sparsity is reached, as the study's published zeros show: the "
            "table of achieved sparsity has what was reached."
        )
    )
    if preset.dataset != STUDIED_DATASET:
        label = datasets.get(preset.dataset).label
        known.append(tr("The images are {images}: no accuracy here is comparable with the study's.", images=label))
    return known


def standing_of(run: Run, stale: Mapping[str, str], language: Language) -> list[str]:
    """How many records don't belong to the run, and which are of earlier versions."""
    tr = language.tr
    said = [
        tr(
            "Stale records: {count}. They were made with other settings than this run's preset, or from other files than it "
            "has now, or cannot be read. Their numbers are left out and decide nothing; the table of stale records says "
            "why. `kit reproduce` makes them again.",
            count=len(stale),
        )
    ]
    return (said if stale else []) + [
        tr("{count} records of stage {stage} were made by version {version} of it, today's is {now}. They count.",
           count=one.count, stage=one.stage, version=one.version, now=one.now)
        for one in older(run)
    ]  # fmt: skip


def unknown_ties(results: Iterable[Result], language: Language) -> list[str]:
    """A remark for runs made before ties were recorded."""
    if all(r.test is None or r.test.tied is not None for r in results):
        return []
    return [
        language.tr(
            "Ties are unknown in this run: it is older than their record, and a tied image went to the lower class. What is "
            "said of int8 by class rests on that. Where the models are there: delete the cells' evaluate.json, and `kit "
            "evaluate` records ties."
        )
    ]


def mixed(records: Iterable[Record], language: Language) -> list[str]:
    """A remark where machines took part whose results may differ from the head's."""
    found = [differences for record in records if isinstance(differences := record.environment.get("mixed"), list)]
    others = sorted({str(one) for differences in found for one in differences})
    if not others:
        return []
    return [
        language.tr(
            "{count} records were made on machines that differ from the others (--mixed): {differences}. Made again on one "
            "machine, their files may have other bytes.",
            count=sum(bool(differences) for differences in found),
            differences=", ".join(others),
        )
    ]


def unlike(preset: Preset, language: Language) -> list[tuple[str, str]]:
    """What doesn't match the study, whatever the protocol, and the likely effect."""
    tr = language.tr
    found = [
        (
            tr("The converter: TensorFlow 2.21, the study had 2.4."),
            tr(
                "int8 files are 2.6 to 5.5 % smaller (8 to 11 bytes less metadata an output channel), float32 files at most "
                "0.3 %. Other choices in quantizing are the likely reason where int8 costs MobileNetV3 Large and "
                "EfficientNet-B0 another amount of accuracy."
            ),
        ),
        (
            tr("The interpreter: tflite-runtime 2.14 or LiteRT, the study had the benchmark tool of TensorFlow 2.4."),
            tr(
                "Without a delegate, memory lies within 0.7 MiB (float32) and 1.2 MiB (int8) of that tool's. With XNNPACK "
                "the memory of float32 about doubles, since weights are packed again, and on a PC inference is 5 to 15 "
                "times as fast: the engine decides, so only ratios within one engine compare."
            ),
        ),
        (
            tr("The seed: the study does not state one, and trained each network once."),
            tr(
                "Three seeds of MobileNetV3 Small end up 1.5 percentage points of top-1 apart unpruned, and 31 at 90 % "
                "sparsity, many times what intervals over images allow."
            ),
        ),
        (
            tr("The processor: sums are rounded in a different order."),
            tr("On another processor the same seed can give .tflite files with other last bits."),
        ),
    ]
    return found if preset.quantization.calibration_order == "official" else [*found, _calibration(preset, language)]


def _calibration(preset: Preset, language: Language) -> tuple[str, str]:
    tr = language.tr
    return (
        tr(
            "The calibration images: the study took the first 100 in the official archive's order, this run the first "
            "{count} in canonical order.",
            count=preset.quantization.calibration_images,
        ),
        tr(
            "Other images shift the ranges of int8 activations and with them the accuracy of int8, most of all for "
            "EfficientNet-B0."
        ),
    )


def differences(preset: Preset, language: Language) -> list[str]:
    """How the protocol differs from the study's, one clause each."""

    def shown(value: object) -> str:
        return language.tr("absent") if value is None else str(value)

    return [
        language.tr("{setting} is {own} instead of {paper}", setting=one.setting, own=shown(one.own), paper=shown(one.paper))
        for one in preset.differences()
    ]


def environments(records: Iterable[Record]) -> list[dict[str, object]]:
    """The distinct environments, each with the stages that ran in it."""
    seen: list[tuple[Mapping[str, object], set[str]]] = []
    for record in records:
        for environment, stages in seen:
            if environment == record.environment:
                stages.add(record.stage)
                break
        else:
            seen.append((record.environment, {record.stage}))
    return [{"stages": sorted(stages), **environment} for environment, stages in seen]
