"""Claims about the trained networks, before anything is compressed."""

from __future__ import annotations

from kit.analysis import replicates
from kit.analysis.claims import kinds
from kit.analysis.claims.limits import measured, missing
from kit.analysis.evidence import V3, RunEvidence
from kit.analysis.finding import Finding, Part, Test, exact
from kit.analysis.naming import name, names, pair, spread_of, studied, trained, versus
from kit.analysis.verdicts import Message
from kit.study.claims import limits
from kit.study.grid import Point


def overfitting(evidence: RunEvidence) -> Finding:
    """Top-1 on training images minus top-1 on test images, each through the float32 file.

    All training images count, those held out to choose the epoch too: this makes the gap smaller, never larger.
    """
    there = [a for a in studied() if evidence.fitted([trained(a)])]
    parts = [Part(name(a), (_gap(evidence, trained(a)),)) for a in there]
    gaps = [100 * part.tests[0].estimate.value for part in parts]
    return Finding(
        tuple(parts),
        Message(
            "score test of two proportions against a gap of {points} percentage points (Miettinen and Nurminen), Holm",
            {"points": limits().gap_points},
        ),
        figures=Message(
            "Training accuracy is {low:.1f} to {high:.1f} percentage points above test accuracy.", spread_of(gaps)
        )
        if gaps
        else None,
        missing=missing(there),
    )


def _gap(evidence: RunEvidence, cell: Point) -> Test:
    above = limits().gap_points / 100
    found = evidence.gap(cell, above)
    return Test(
        cell.name,
        Message("top-1 on training images minus top-1 on test images, percentage points"),
        found,
        above=above,
        p=found.p_above,
        p_against=found.p_below,
        records=evidence.evaluations(cell),
        scale=100,
        over=replicates.gap(evidence, cell),
    )


def v3_hard_to_train(evidence: RunEvidence) -> Finding:
    """Each MobileNetV3 against each other architecture on the same test images."""
    there = [a for a in studied() if evidence.compared([trained(a)])]
    others = [a for a in there if a not in V3]
    parts = [Part(name(a), tuple(_less_accurate(evidence, a, other) for other in others)) for a in there if a in V3]
    top1 = {a: evidence.top1(trained(a)) for a in there}
    return Finding(
        tuple(parts) if others else (),
        Message("McNemar's test on the same test images (one-sided), Holm; interval: Tango"),
        figures=Message(
            "Lowest test accuracy: {name} with {top1:.4f}.",
            {"name": name(min(top1, key=top1.__getitem__)), "top1": min(top1.values())},
        )
        if top1
        else None,
        missing=missing(there),
    )


def _less_accurate(evidence: RunEvidence, architecture: str, other: str) -> Test:
    quantity = kinds.FIRST_MINUS_SECOND
    return kinds.accuracy(evidence, trained(architecture), trained(other), below=0.0, quantity=quantity)


def efficientnet_slow(evidence: RunEvidence) -> Finding:
    """The latency of EfficientNet-B0's trained float32 file over MobileNetV3 Large's, and their parameters."""
    cells = trained("efficientnet_b0"), trained("mobilenet_v3_large")
    there = [cell.architecture for cell in cells if evidence.benched([cell]) and evidence.made([cell])]
    if len(there) < len(cells):
        return Finding((), Message("none"), missing=tuple(names({c.architecture for c in cells} - set(there))))
    slower = kinds.latency(evidence, *cells, above=limits().slower_times)
    place = measured(evidence)
    return Finding(
        (Part(versus(*there), (slower, _as_large(evidence, *cells))),),
        Message(
            "hierarchical bootstrap of the latency ratio against {times}; parameters exact", {"times": limits().slower_times}
        ),
        figures=Message(
            "EfficientNet-B0 takes {ratio:.2f} times as long as MobileNetV3 Large.", {"ratio": slower.estimate.value}
        ),
        limits=place.limits,
        origin=place.origin,
    )


def _as_large(evidence: RunEvidence, first: Point, second: Point) -> Test:
    parameters = [evidence.results[cell].parameters or 0 for cell in (first, second)]
    found = parameters[0] / parameters[1]
    room = limits().parameters_percent / 100
    return Test(
        pair(first, second),
        Message("number of parameters, ratio"),
        exact(found),
        above=1 - room,
        below=1 + room,
        records=evidence.trainings(first, second),
    )
