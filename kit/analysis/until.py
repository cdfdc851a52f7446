"""Which claims further seeds can decide, and which cells those need that the present seeds leave open."""

from __future__ import annotations

from collections.abc import Sequence

from kit.analysis.cost import cells_of
from kit.analysis.evidence import STUDIED_DATASET, RunEvidence
from kit.analysis.summary import over_trainings
from kit.errors import KitError, unknown
from kit.runs.run import Run
from kit.study.claims import Claim, claims


def keys_of(named: Sequence[str], dataset: str) -> tuple[str, ...]:
    """The keys of claims that are named by number or key. Raises KitError for one that more seeds can't decide."""
    if dataset != STUDIED_DATASET:
        raise KitError(f"claims about accuracies can't be decided on {dataset}", "use a preset on CIFAR-10")
    found = [_named(name) for name in named]
    for one in found:
        if "accuracy" not in one.needs:
            raise KitError(
                f"claim {one.number} ({one.key}) is about sizes or times, which seeds don't decide", _accuracies()
            )
    return tuple(dict.fromkeys(one.key for one in found))


def _named(name: str) -> Claim:
    one = next((claim for claim in claims() if name in (str(claim.number), claim.key)), None)
    if one is None:
        raise unknown("claim", name, [claim.key for claim in claims()])
    return one


def _accuracies() -> str:
    return "name one about accuracies: " + ", ".join(str(one.number) for one in claims() if "accuracy" in one.needs)


def open_cells(run: Run, seeds: Sequence[int], keys: Sequence[str]) -> list[str]:
    """The cells, named without a seed, of the claims that these seeds of the run leave open; none if all are decided.

    Raises KitError if the run lacks what a claim is about.
    """
    each = [RunEvidence(part) for part in run.by_seed() if part.preset.seeds[0] in seeds]
    found = over_trainings(each, keys)
    for verdict in found:
        if not verdict.evidence:
            raise KitError(f"claim {verdict.number} can't be decided here: {verdict.reason}", "name more cells, or --all")
    return sorted({cell.name for verdict in found if verdict.is_open for cell in cells_of(verdict)})
