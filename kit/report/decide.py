"""All verdicts on a run: what can be decided at all, and then claim by claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from kit.report.claims import combined, pruning, quantization, training
from kit.report.ground import Ground, names
from kit.report.verdict import WORDS, Message, Verdict
from kit.report.weigh import Finding, not_testable, sentences, weigh
from kit.study.claims import Claim, claims

DECIDERS: dict[str, Callable[[Ground], Finding]] = {
    decider.__name__: decider
    for decider in (
        training.overfitting,
        training.v3_hard_to_train,
        training.efficientnet_slow,
        quantization.quantized_files,
        quantization.quantized_accuracy,
        quantization.quantized_latency,
        quantization.quantized_memory,
        pruning.pruned_accuracy,
        combined.mobilenet_prunes_best,
        pruning.pruned_costs,
        pruning.pruned_gzip,
        pruning.pruned_classes,
        quantization.quantized_classes,
        combined.mobilenet_smallest,
        combined.mobilenet_robust,
    )
}


def decide(ground: Ground) -> list[Verdict]:
    """The verdict on each claim, in order. Raises KitError where stored predictions cannot be read."""
    others = list(ground.measured_otherwise())
    return [_with_objections(claim, _decide(claim, ground), others) for claim in claims()]


def _with_objections(claim: Claim, verdict: Verdict, others: Sequence[Ground]) -> Verdict:
    """The verdict; where it rests on times or memory, with what other benches of the same cells there say differently."""
    said = [verdict.reason]
    for ground in others if verdict.origin else ():
        other = _decide(claim, ground)
        same_cells = [row.subject for row in other.evidence] == [row.subject for row in verdict.evidence]
        if ground.series and same_cells and other.outcome is not verdict.outcome:
            how = {
                "interpreter": ground.series.interpreter,
                "threads": ground.series.threads,
                "outcome": WORDS[other.outcome],
            }
            said.append(Message("Measured there with {interpreter} (threads: {threads}) it would be: {outcome}.", how))
    return msgspec.structs.replace(verdict, reason=sentences(said)) if len(said) > 1 else verdict


def _decide(claim: Claim, ground: Ground) -> Verdict:
    obstacle = _obstacle(claim, ground)
    if obstacle:
        return not_testable(claim, obstacle)
    finding = DECIDERS[claim.key](ground)
    gone = [name for name in names(claim.subjects) if name in finding.missing]
    if gone:
        return not_testable(claim, Message("It needs what this run lacks: {names}.", {"names": gone}))
    if not finding.parts:
        said = Message("This run lacks the cells that it needs: {names}.", {"names": list(finding.missing)})
        return not_testable(claim, said, finding.missing)
    return weigh(claim, finding)


def _obstacle(claim: Claim, ground: Ground) -> Message | None:
    """Why the run as a whole cannot decide a claim."""
    if "accuracy" in claim.needs and not ground.is_studied_dataset:
        return Message(
            "The run is on {dataset}, the study on CIFAR-10: accuracies do not compare.", {"dataset": ground.dataset_label}
        )
    if "predictions" in claim.needs and not any(ground.predicted([cell]) for cell in ground.results):
        return Message("This run has no predictions image by image: `kit evaluate` makes them again.")
    if "bench" in claim.needs and ground.series is None:
        origins = {latency.origin for result in ground.results.values() for latency in result.latencies if latency.is_valid}
        if origins:
            return Message("All times were measured under emulation, and those decide nothing.")
        return Message("Nothing valid was measured: run `kit bench`.")
    return None
