"""Claims that only the thesis makes, about the study's five networks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from kit.analysis.claims import kinds
from kit.analysis.claims.kinds import FIRST_MINUS_SECOND, file_bytes, gzip_bytes
from kit.analysis.claims.limits import measured, missing, weights_of
from kit.analysis.evidence import RunEvidence
from kit.analysis.finding import Finding, Part, Test, exact
from kit.analysis.naming import at, name, names, quantized, studied, trained, versus
from kit.analysis.verdicts import Message
from kit.study.claims import limits
from kit.study.grid import Point

HERO = "mobilenet"
BY_SIZE = ("mobilenet_v3_small", "mobilenet_v2", HERO)
SIXTY = 60
SAME_IMAGES = Message("Tango's score test on the same test images (one-sided), Holm; at 0 it is McNemar's")
EXACT_SIZES = Message("exact ratio of sizes")
BY_BOOTSTRAP = Message("hierarchical bootstrap of ratios against 1, Holm")


def _smallest(evidence: RunEvidence, architecture: str) -> Point:
    """The int8 cell of the highest sparsity."""
    return at(architecture, max(evidence.sparsities, default=0), "int8")


def storage_order(evidence: RunEvidence) -> Finding:
    """Sizes of three networks, each against the one before: trained float32 files, and gzipped int8 files."""
    wanted = [cell for a in BY_SIZE for cell in (trained(a), _smallest(evidence, a))]
    if not evidence.sparsities or not evidence.converted(wanted):
        gone = [cell.architecture for cell in wanted if not evidence.converted([cell])]
        return Finding((), Message("none"), missing=tuple(dict.fromkeys(names(gone))))
    plain, packed = Message("file size, ratio"), Message("gzipped size, ratio")
    parts = []
    for first, second in pairwise(BY_SIZE):
        tests = (
            kinds.size(evidence, trained(second), trained(first), plain, (file_bytes, file_bytes), above=1.0),
            kinds.size(
                evidence,
                _smallest(evidence, second),
                _smallest(evidence, first),
                packed,
                (gzip_bytes, gzip_bytes),
                above=1.0,
            ),
        )
        parts.append(Part(versus(second, first), tests))
    return Finding(tuple(parts), EXACT_SIZES, limits=weights_of(evidence))


def storage_saved(evidence: RunEvidence) -> Finding:
    """What pruning, int8 and gzip together save, averaged over the networks in the run. Exact."""
    there = [a for a in studied() if evidence.sparsities and evidence.converted([trained(a), _smallest(evidence, a)])]
    if not there:
        return Finding((), Message("none"), missing=missing(there))
    saved = [1 - gzip_bytes(evidence, _smallest(evidence, a)) / file_bytes(evidence, trained(a)) for a in there]
    mean, known = sum(saved) / len(saved), limits()
    test = Test(
        " : ".join(cell.name.partition("/")[2] for cell in (_smallest(evidence, there[0]), trained(there[0]))),
        Message("storage saved, mean over the networks, percent"),
        exact(mean),
        above=(known.saved_percent - known.saved_points) / 100,
        below=(known.saved_percent + known.saved_points) / 100,
        records=evidence.conversions(*(cell for a in there for cell in (trained(a), _smallest(evidence, a)))),
        scale=100,
    )
    return Finding(
        (Part(Message("mean over the networks"), (test,)),),
        EXACT_SIZES,
        figures=Message("On average {percent:.2f} % is saved.", {"percent": 100 * mean}),
        limits=weights_of(evidence),
        missing=missing(there),
    )


def mobilenet_shrinks(evidence: RunEvidence) -> Finding:
    """MobileNet's trained float32 file over its gzipped int8 file of the highest sparsity. Exact."""
    cells = trained(HERO), _smallest(evidence, HERO)
    if not evidence.sparsities or not evidence.converted(cells):
        return Finding((), Message("none"), missing=(name(HERO),))
    quantity = Message("file size over gzipped size, ratio")
    test = kinds.size(evidence, *cells, quantity, (file_bytes, gzip_bytes), above=limits().smaller_times)
    figures = Message("It becomes {times:.1f} times smaller.", {"times": test.estimate.value})
    return Finding((Part(name(HERO), (test,)),), EXACT_SIZES, figures=figures, limits=weights_of(evidence))


def mobilenet_best_sparse(evidence: RunEvidence) -> Finding:
    """MobileNet against each other network at the highest sparsity, in float32 and in int8."""
    top = max(evidence.sparsities, default=0)
    there = [a for a in studied() if top and evidence.compared([at(a, top), at(a, top, "int8")])]
    others = [a for a in there if a != HERO] if HERO in there else []
    parts = [
        Part(
            versus(HERO, a),
            tuple(
                kinds.accuracy(evidence, at(HERO, top, p), at(a, top, p), above=0.0, quantity=FIRST_MINUS_SECOND)
                for p in ("float32", "int8")
            ),
        )
        for a in others
    ]
    return Finding(tuple(parts), SAME_IMAGES, missing=missing(there))


def gain_at_first(evidence: RunEvidence) -> Finding:
    """float32 at the lowest pruned sparsity against unpruned."""
    first = min(evidence.sparsities, default=0)
    there = [a for a in studied() if first and evidence.compared([at(a, first), trained(a)])]
    parts = [Part(name(a), (kinds.accuracy(evidence, at(a, first), trained(a), above=0.0),)) for a in there]
    return Finding(tuple(parts), SAME_IMAGES, missing=missing(there))


def at_sixty(evidence: RunEvidence) -> Finding:
    """float32 at 60 % against unpruned: above, level, or slightly below, as the thesis says of each network."""
    equal, slightly = limits().equal_points / 100, limits().slightly_points / 100
    wanted: dict[str, tuple[Message, float | None, float | None]] = {
        HERO: (Message("{name} (above)", {"name": name(HERO)}), 0.0, None),
        "mobilenet_v3_large": (Message("{name} (above)", {"name": name("mobilenet_v3_large")}), 0.0, None),
        "mobilenet_v2": (Message("{name} (level)", {"name": name("mobilenet_v2")}), -equal, equal),
        "efficientnet_b0": (Message("{name} (level)", {"name": name("efficientnet_b0")}), -equal, equal),
        "mobilenet_v3_small": (Message("{name} (slightly below)", {"name": name("mobilenet_v3_small")}), -slightly, 0.0),
    }
    there = [a for a in wanted if evidence.compared([at(a, SIXTY), trained(a)])]
    parts = [
        Part(wanted[a][0], (kinds.accuracy(evidence, at(a, SIXTY), trained(a), wanted[a][1], wanted[a][2]),)) for a in there
    ]
    return Finding(tuple(parts), SAME_IMAGES, missing=missing(there))


def overtaken(evidence: RunEvidence) -> Finding:
    """MobileNetV2 and EfficientNet-B0 against MobileNet: ahead unpruned, behind from 60 % on."""
    others, late = ("mobilenet_v2", "efficientnet_b0"), [s for s in evidence.sparsities if s >= SIXTY]
    cells = {a: [at(a, s) for s in (0, *late)] for a in (HERO, *others)}
    there = [a for a, own in cells.items() if late and evidence.compared(own)]
    if len(there) < len(cells):
        return Finding((), Message("none"), missing=tuple(names(a for a in cells if a not in there)))
    parts = [Part(versus(a, HERO), tuple(_falls_behind(evidence, cells[a], cells[HERO]))) for a in others]
    return Finding(tuple(parts), SAME_IMAGES)


def _falls_behind(evidence: RunEvidence, own: Sequence[Point], hero: Sequence[Point]) -> list[Test]:
    ahead = kinds.accuracy(evidence, own[0], hero[0], above=0.0, quantity=FIRST_MINUS_SECOND)
    pairs = zip(own[1:], hero[1:], strict=True)
    return [ahead, *(kinds.accuracy(evidence, a, b, below=0.0, quantity=FIRST_MINUS_SECOND) for a, b in pairs)]


def v3_large_most_memory(evidence: RunEvidence) -> Finding:
    """MobileNetV3 Large's float32 file against each other trained network's."""
    first = "mobilenet_v3_large"
    there = [a for a in studied() if evidence.benched([trained(a)])]
    others = [a for a in there if a != first] if first in there else []
    parts = [Part(versus(first, a), (kinds.memory(evidence, trained(first), trained(a), above=1.0),)) for a in others]
    return _of_times(evidence, parts, there)


def v3_small_fastest(evidence: RunEvidence) -> Finding:
    """Each other trained network's latency over MobileNetV3 Small's, in float32 and in int8."""
    return _each_other(evidence, "mobilenet_v3_small", above=1.0)


def efficientnet_slowest(evidence: RunEvidence) -> Finding:
    """Each other trained network's latency over EfficientNet-B0's, in float32 and in int8."""
    return _each_other(evidence, "efficientnet_b0", below=1.0)


def _each_other(evidence: RunEvidence, one: str, above: float | None = None, below: float | None = None) -> Finding:
    there = [a for a in studied() if evidence.benched([trained(a), quantized(a)])]
    others = [a for a in there if a != one] if one in there else []
    parts = [
        Part(versus(a, one), tuple(kinds.latency(evidence, of(a), of(one), above, below) for of in (trained, quantized)))
        for a in others
    ]
    return _of_times(evidence, parts, there)


def _of_times(evidence: RunEvidence, parts: Sequence[Part], there: Sequence[str]) -> Finding:
    place = measured(evidence)
    return Finding(tuple(parts), BY_BOOTSTRAP, limits=place.limits, missing=missing(there), origin=place.origin)


def v3_large_recovers(evidence: RunEvidence) -> Finding:
    """MobileNetV3 Large: int8 against float32 unpruned, and int8 at the lowest pruned sparsity against int8 unpruned."""
    one, first = "mobilenet_v3_large", min(evidence.sparsities, default=0)
    recovered = at(one, first, "int8")
    if not first or not evidence.compared([trained(one), quantized(one), recovered]):
        return Finding((), Message("none"), missing=(name(one),))
    far = limits().collapse_points / 100
    tests = (
        kinds.accuracy(evidence, quantized(one), trained(one), below=-far),
        kinds.accuracy(evidence, recovered, quantized(one), above=far),
    )
    return Finding((Part(name(one), tests),), SAME_IMAGES)
