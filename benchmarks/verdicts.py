"""How often verdicts over trainings are wrong, and what they find: made-up trainings with a known truth, judged by the kit.

    python benchmarks/verdicts.py                    # the table in docs/verdicts.md
    python benchmarks/verdicts.py --repeats 500      # coarser and sooner

Each simulated run has one value a training and cell: the truth, and what this training differs by. Two claims are judged by
their own deciders: 20 (pruning to 30 % gains) compares within trainings, 2 (each MobileNetV3 is below each other network)
between networks. A claim is false in the columns "false": no network differs ("none"), all but one do ("one equal"), or so
they do and the one spreads three times as much ("and wild"). Each number is the share of runs that come out as "reproduced".
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from machine import machine

from kit.analysis.claims.decide import DECIDERS
from kit.analysis.evidence import V3, RunEvidence
from kit.analysis.naming import studied
from kit.analysis.sequential import Plan
from kit.analysis.statistics import Estimate
from kit.analysis.verdicts import Outcome, Verdict
from kit.analysis.weigh import weigh
from kit.runs.looks import planned
from kit.study.claims import claim
from kit.study.grid import Point

IMAGES = 10_000
MOST = 10  # trainings of a run that gets seeds until it is decided
FAR = 0.3  # a difference that nothing misses
SPREADS = {"gain_at_first": 0.005, "v3_hard_to_train": 0.025}
"""Standard deviation from training to training: of the change by pruning, which is 0.45 points over the five networks of two
runs of `short`, and of top-1, which is 2.5 points over three of MobileNetV3 Small: both from the accuracies in
`git show 7cc98d2:reports/reference/FINDINGS.md`."""
NAMED = {"gain_at_first": {3: 0.014, 10: 0.006}, "v3_hard_to_train": {3: 0.095, 10: 0.042}}
"""The difference of every network that so many trainings find in at least 80 % of runs."""

Truth = dict[str, tuple[float, float, float]]
"""By network: top-1 unpruned and at 30 %, and by how much its trainings spread."""


class Trained(RunEvidence):
    """One made-up training of each network, by its top-1 alone."""

    def __init__(self, top1: dict[Point, float]) -> None:
        self._top1 = top1

    def evaluated(self, cells: Iterable[Point]) -> bool:
        return all(cell in self._top1 for cell in cells)

    def top1(self, cell: Point) -> float:
        return self._top1[cell]


class Trainings(RunEvidence):
    """Several made-up trainings, as deciders see a run."""

    def __init__(self, each: Sequence[Trained]) -> None:
        self._each = tuple(each)

    @property
    def each(self) -> tuple[RunEvidence, ...]:
        return self._each

    @property
    def sparsities(self) -> tuple[int, ...]:
        return (30,)

    def compared(self, cells: Iterable[Point]) -> bool:
        return self._each[0].evaluated(cells)

    def top1(self, cell: Point) -> float:
        return float(np.mean([one.top1(cell) for one in self._each]))

    def change(self, cell: Point, base: Point, bound: float = 0.0) -> Estimate:
        """The images of these trainings find everything: what is looked at here is the other level."""
        value = self.top1(cell) - self.top1(base)
        return Estimate(value, value, value, IMAGES, float(value <= bound), float(value >= bound))

    def evaluations(self, *cells: Point) -> tuple[str, ...]:
        return ()


def drawn(truth: Truth, n: int, generator: np.random.Generator) -> list[Trained]:
    """n trainings: each network's unpruned top-1, and its change by pruning, each with what the training differs by. The
    noise of the test images is part of that, as it is of what was observed."""
    found = []
    for _ in range(n):
        top1: dict[Point, float] = {}
        for name, (first, change, spread) in truth.items():
            own, later = first + generator.normal(0, spread, 2)
            top1 |= {Point(name, 0, "float32"): float(own), Point(name, 30, "float32"): float(own + change + later - first)}
        found.append(Trained(top1))
    return found


def paired(difference: float, spread: float, odd: tuple[float, float] | None = None) -> Truth:
    """Every network changes by `difference`; the last by that of `odd`, with its spread."""
    known = dict.fromkeys(studied(), (0.7, difference, spread))
    return known | ({studied()[-1]: (0.7, *odd)} if odd else {})


def between(difference: float, spread: float, odd: tuple[float, float] | None = None) -> Truth:
    """Every MobileNetV3 is `difference` below every other network; Large is only as much as `odd` below MobileNet."""
    known = {name: (0.6 - difference * (name in V3), 0.0, spread) for name in studied()}
    if odd:
        known |= {V3[0]: (0.6 - odd[0], 0.0, odd[1]), V3[1]: (0.3, 0.0, spread)}
        known |= {name: (0.9, 0.0, spread) for name in studied() if name not in V3 and name != "mobilenet"}
    return known


TRUTHS: dict[str, Callable[..., Truth]] = {"gain_at_first": paired, "v3_hard_to_train": between}


def judged(key: str, each: Sequence[Trained], plan: Plan | None = None) -> Verdict:
    """The verdict on a claim, by its own decider."""
    return weigh(claim(key), DECIDERS[key](Trainings(each)), plan)


def once(key: str, truth: Truth, n: int, generator: np.random.Generator) -> tuple[Outcome, int]:
    """How a run of n trainings comes out, and n; with n = 0, one that gets seeds until it is decided."""
    if n:
        return judged(key, drawn(truth, n, generator)).outcome, n
    looks = planned((key,), MOST)
    each, plan = drawn(truth, MOST, generator), Plan(looks)
    for count in looks.trainings:
        verdict = judged(key, each[:count], plan)
        if not verdict.is_open:
            break
    return verdict.outcome, count


def share(key: str, truth: Truth, n: int, repeats: int, seed: int = 1) -> tuple[float, float]:
    """The share of runs that come out as reproduced, and their mean number of trainings."""
    generator = np.random.default_rng([seed, n, repeats])
    found = [once(key, truth, n, generator) for _ in range(repeats)]
    return sum(outcome is Outcome.reproduced for outcome, _ in found) / repeats, float(np.mean([n for _, n in found]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=2000)
    repeats = parser.parse_args().repeats
    print(f"{machine()}, n = {repeats} simulated runs a number, {repeats // 4} of those until decided")
    print("| | trainings | false: none | one equal | and wild | found: small | large | trainings needed |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for key, spread in SPREADS.items():
        for n in (1, 3, 10, 0):
            row(key, spread, n, repeats if n else repeats // 4)  # each is judged up to eight times


def row(key: str, spread: float, n: int, repeats: int) -> None:
    """Print one row of the table."""
    truth, (large, small) = TRUTHS[key], NAMED[key].values()
    false = [truth(0.0, spread), truth(FAR, spread, (0.0, spread)), truth(FAR, spread, (0.0, 3 * spread))]
    true = [truth(small, spread), truth(large, spread)]
    shares = [share(key, one, n, repeats) for one in (*false, *true)]
    texts = [f"{100 * own:.1f} %" for own, _ in shares]
    texts[3:] = [f"{text} ({100 * size:.1f})" for text, size in zip(texts[3:], (small, large), strict=True)]
    needed = " / ".join(f"{mean:.1f}" for _, mean in shares[3:])
    print(
        f"| claim {claim(key).number} | {n or f'until decided, up to {MOST}'} | {' | '.join(texts)} | {needed} |", flush=True
    )


if __name__ == "__main__":
    main()
