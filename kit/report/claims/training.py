"""Claims about the trained networks, before anything is compressed."""

from __future__ import annotations

from kit.report import inference
from kit.report.claims.places import measured, missing, superlative
from kit.report.ground import V3, Ground, name, names, pair, spread_of, studied, trained, versus
from kit.report.results import Result
from kit.report.verdict import Message
from kit.report.weigh import Finding, Part, Test, exact
from kit.study.cells import Cell
from kit.study.published import published

OVERFITTING_GAP = 0.05  # of top-1: what is learnt by heart; networks that generalize well keep within a few points
MUCH_SLOWER = 1.2  # a fifth: more than compilers, clocks and interpreters' versions differ by; the study has 1.55
ABOUT_AS_LARGE = 0.1  # of the parameters; the study has 4.1 and 4.2 million


def overfitting(ground: Ground) -> Finding:
    """Top-1 on training images minus top-1 on test images, each through the float32 file.

    All training images count, those held out to choose the epoch too: this makes the gap smaller, never larger.
    """
    there = [a for a in studied() if ground.evaluated([trained(a)])]
    parts = [Part(name(a), (_gap(ground, trained(a)),)) for a in there]
    gaps = [100 * part.tests[0].estimate.value for part in parts]
    return Finding(
        tuple(parts),
        Message("score test of two proportions against a gap of 5 percentage points (Miettinen and Nurminen), Holm"),
        figures=Message(
            "Training accuracy is {low:.1f} to {high:.1f} percentage points above test accuracy.", spread_of(gaps)
        )
        if gaps
        else None,
        missing=missing(there),
    )


def _gap(ground: Ground, cell: Cell) -> Test:
    result = ground.results[cell]
    assert result.test and result.train
    counts = [(round(split.top1 * split.n), split.n) for split in (result.train, result.test)]
    (right, n), (test_right, test_n) = counts
    found = inference.independent((right, test_right), (n, test_n), OVERFITTING_GAP)
    return Test(
        cell.name,
        Message("top-1 on training images minus top-1 on test images, percentage points"),
        found,
        found.p_above,
        found.p_below,
        records=ground.evaluations(cell),
        scale=100,
    )


def v3_hard_to_train(ground: Ground) -> Finding:
    """Each MobileNetV3 against each other architecture on the same test images."""
    there = [a for a in studied() if ground.predicted([trained(a)])]
    others = [a for a in there if a not in V3]
    parts = [Part(name(a), tuple(_less_accurate(ground, a, other) for other in others)) for a in there if a in V3]
    top1 = {a: _top1(ground.results[trained(a)]) for a in there}
    return Finding(
        tuple(parts) if others else (),
        Message("McNemar's test on the same test images (one-sided), Holm; interval: Tango"),
        figures=Message(
            "Lowest test accuracy: {name} with {top1:.4f}.",
            {"name": name(min(top1, key=top1.__getitem__)), "top1": min(top1.values())},
        )
        if top1
        else None,
        limits=superlative(there),
        missing=missing(there),
    )


def _less_accurate(ground: Ground, architecture: str, other: str) -> Test:
    cells = trained(architecture), trained(other)
    found = inference.paired(ground.right(cells[1]), ground.right(cells[0]))
    table = published().trained
    return Test(
        pair(*cells),
        Message("top-1 of the first minus top-1 of the second, percentage points"),
        found,
        found.p_below,
        found.p_above,
        published=100 * (table[architecture].top1 - table[other].top1),
        records=ground.evaluations(*cells),
        scale=100,
    )


def _top1(result: Result) -> float:
    assert result.test
    return result.test.top1


def efficientnet_slow(ground: Ground) -> Finding:
    """The latency of EfficientNet-B0's trained float32 file over MobileNetV3 Large's, and their parameters."""
    cells = trained("efficientnet_b0"), trained("mobilenet_v3_large")
    there = [cell.architecture for cell in cells if ground.benched([cell])]
    if len(there) < len(cells):
        return Finding((), Message("none"), missing=tuple(names({c.architecture for c in cells} - set(there))))
    table = published().trained
    found = inference.ratio(ground.times(cells[0]), ground.times(cells[1]), ground.inferences(*cells), MUCH_SLOWER)
    slower = Test(
        pair(*cells),
        Message("latency, ratio"),
        found,
        found.p_above,
        found.p_below,
        published=table["efficientnet_b0"].latency_us / table["mobilenet_v3_large"].latency_us,
        records=ground.benches(*cells),
    )
    place = measured(ground)
    return Finding(
        (Part(versus(*there), (slower, _as_large(ground, *cells))),),
        Message("hierarchical bootstrap of the latency ratio against 1.2; parameters exact"),
        figures=Message("EfficientNet-B0 takes {ratio:.2f} times as long as MobileNetV3 Large.", {"ratio": found.value}),
        limits=place.limits,
        origin=place.origin,
    )


def _as_large(ground: Ground, first: Cell, second: Cell) -> Test:
    parameters = [ground.results[cell].parameters or 0 for cell in (first, second)]
    found = parameters[0] / parameters[1] if all(parameters) else float("nan")
    table = published().trained
    return Test(
        pair(first, second),
        Message("number of parameters, ratio"),
        exact(found),
        holds=abs(found - 1) < ABOUT_AS_LARGE,
        published=table[first.architecture].parameters_millions / table[second.architecture].parameters_millions,
        records=tuple(ground.run.relative(ground.run.record_path("train", cell.variant)) for cell in (first, second)),
    )
