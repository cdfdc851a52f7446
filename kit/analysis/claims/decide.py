"""All verdicts on a run: first what can be decided at all, then claim by claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import msgspec

from kit.analysis import points
from kit.analysis.claims import combined, minimalistic, pruning, quantization, thesis, training
from kit.analysis.evidence import RunEvidence
from kit.analysis.finding import Finding
from kit.analysis.naming import names
from kit.analysis.sequential import Plan
from kit.analysis.verdicts import WORDS, Message, Verdict, sentences
from kit.analysis.weigh import not_testable, weigh
from kit.study.claims import Claim, claims

DECIDERS: dict[str, Callable[[RunEvidence], Finding]] = {
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
        thesis.storage_order,
        thesis.storage_saved,
        thesis.mobilenet_shrinks,
        thesis.mobilenet_best_sparse,
        thesis.gain_at_first,
        thesis.at_sixty,
        thesis.overtaken,
        thesis.v3_large_most_memory,
        thesis.v3_small_fastest,
        thesis.efficientnet_slowest,
        thesis.v3_large_recovers,
        minimalistic.minimalistic_faster,
        minimalistic.minimalistic_int8,
        minimalistic.minimalistic_prunes_worse,
        minimalistic.smallest_of_all,
    )
}


def decide(evidence: RunEvidence, plan: Plan | None = None, keys: Sequence[str] = ()) -> list[Verdict]:
    """The verdict on each claim, or on those with these `keys`, in order; over trainings at the level that `plan` leaves.

    Raises KitError if stored predictions cannot be read.
    """
    others = list(evidence.measured_otherwise())
    wanted = [claim for claim in claims() if not keys or claim.key in keys]
    return [_beside(_with_objections(claim, _decide(claim, evidence, plan), others)) for claim in wanted]


@cache
def of_the_study() -> dict[str, Verdict]:
    """What each claim's rule says of the study's own published numbers, by the claim's key."""
    return {claim.key: _decide(claim, points.published_evidence()) for claim in claims()}


def _beside(verdict: Verdict) -> Verdict:
    """The verdict with the study's value in each row: the same figure of the published numbers, by the same decider."""
    theirs = {(row.subject, str(row.quantity)): row.value for row in of_the_study()[verdict.key].evidence}
    rows = tuple(
        msgspec.structs.replace(row, published=theirs.get((row.subject, str(row.quantity)))) for row in verdict.evidence
    )
    return msgspec.structs.replace(verdict, evidence=rows)


def _with_objections(claim: Claim, verdict: Verdict, others: Sequence[RunEvidence]) -> Verdict:
    """The verdict; if it rests on times or memory, with objections: other benches of the same cells there that decide
    otherwise."""
    said = [verdict.reason]
    for evidence in others if verdict.origin else ():
        other = _decide(claim, evidence)
        same_cells = [row.subject for row in other.evidence] == [row.subject for row in verdict.evidence]
        if evidence.series and same_cells and other.outcome is not verdict.outcome:
            how = {
                "interpreter": evidence.series.interpreter,
                "delegate": evidence.series.delegate,
                "threads": evidence.series.threads,
                "protocol": evidence.series.protocol or "–",
                "outcome": WORDS[other.outcome],
            }
            said.append(
                Message(
                    "Measured there with {interpreter} (delegate: {delegate}, threads: {threads}, protocol: {protocol}) "
                    "it would be: {outcome}.",
                    how,
                )
            )
    return msgspec.structs.replace(verdict, reason=sentences(said)) if len(said) > 1 else verdict


def _decide(claim: Claim, evidence: RunEvidence, plan: Plan | None = None) -> Verdict:
    obstacle = _obstacle(claim, evidence)
    if obstacle:
        return not_testable(claim, obstacle)
    finding = DECIDERS[claim.key](evidence)
    gone = [name for name in names(claim.subjects) if name in finding.missing]
    if gone:
        return not_testable(claim, Message("It needs what this run lacks: {names}.", {"names": gone}))
    if not finding.parts:
        said = Message("This run lacks the cells that it needs: {names}.", {"names": list(finding.missing)})
        return not_testable(claim, said, finding.missing)
    return weigh(claim, finding, plan)


def _obstacle(claim: Claim, evidence: RunEvidence) -> Message | None:
    """Why the run as a whole cannot decide a claim."""
    if "accuracy" in claim.needs and not evidence.is_studied_dataset:
        return Message(
            "The run is on {dataset}, the study on CIFAR-10: accuracies do not compare.", {"dataset": evidence.dataset_label}
        )
    if "predictions" in claim.needs and not any(evidence.compared([cell]) for cell in evidence.results):
        return Message("This run has no per-image predictions: `kit evaluate` makes them again.")
    if "bench" in claim.needs and evidence.series is None:
        origins = {bench.series.origin for result in evidence.results.values() for bench in result.benches if bench.is_valid}
        if origins:
            return Message("All times were measured under emulation, which decides nothing.")
        return Message("There is no valid measurement: run `kit bench`.")
    return None
