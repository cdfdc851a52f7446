"""A claim about networks is decided over trainings: paired by seed, the spread pooled where nothing speaks against it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from scipy import stats

from kit.analysis import contrasts
from kit.analysis.claims.decide import decide
from kit.analysis.contrasts import ByClass, Contrast, Group, Spread
from kit.analysis.evidence import RunEvidence
from kit.analysis.several import SeveralTrainings
from kit.analysis.verdicts import Level, Outcome, Verdict
from kit.report.language import language
from kit.report.tables.verdicts import verdict_text
from kit.runs.run import Run
from kit.study.grid import Cell, Point
from tests.made_up import PROCESSES, Figures, like_the_study, make

STUDIED = ("mobilenet", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "efficientnet_b0")


def paired(*networks: tuple[float, ...]) -> list[Contrast]:
    return [Contrast("change", Group(f"network {index}", values)) for index, values in enumerate(networks)]


def spread_of(one: Spread | None) -> Spread:
    assert one is not None
    return one


def test_one_network_alone_has_students_t() -> None:
    values = (0.02, 0.05, 0.03)
    (one,) = paired(values)
    found = contrasts.estimate(one, contrasts.spreads([one])[0], 0.01)
    expected = stats.ttest_1samp(values, 0.01, alternative="greater")
    assert found.p_above == pytest.approx(expected.pvalue, rel=1e-5)
    assert (found.low, found.high) == pytest.approx(stats.ttest_1samp(values, 0).confidence_interval(0.95), rel=1e-5)


def test_two_networks_alike_are_compared_with_one_spread_and_unlike_ones_with_welchs() -> None:
    first, alike, unlike = (0.70, 0.72, 0.73, 0.71), (0.66, 0.68, 0.69, 0.67), (0.60, 0.72, 0.50, 0.79)
    for other, equal in ((alike, True), (unlike, False)):
        one = Contrast("top-1", Group("a", first), Group("b", other))
        spread = spread_of(contrasts.spreads([one])[0])
        found = contrasts.estimate(one, spread, 0.0)
        expected = stats.ttest_ind(first, other, equal_var=equal, alternative="greater")
        assert spread.pooled is equal and spread.freedom == pytest.approx(expected.df)
        assert found.p_above == pytest.approx(expected.pvalue, rel=1e-5)


def test_the_spread_is_pooled_over_networks_and_no_network_counts_twice() -> None:
    networks = [(0.70, 0.72, 0.73), (0.60, 0.63, 0.61), (0.50, 0.51, 0.53)]
    groups = [Group(str(index), values) for index, values in enumerate(networks)]
    tests = [Contrast("top-1", groups[0], groups[1]), Contrast("top-1", groups[0], groups[2])]
    spread = spread_of(contrasts.spreads(tests)[0])
    pooled = float(np.mean([np.var(values, ddof=1) for values in networks]))
    own = float(np.var(networks[1], ddof=1))
    assert spread.pooled and spread.freedom == 6
    assert own < pooled and np.var(networks[0], ddof=1) == pytest.approx(pooled)
    assert spread.deviation == pytest.approx(pooled**0.5)


def test_a_network_that_spreads_more_is_not_judged_by_less_than_its_own_spread() -> None:
    calm, wild = (0.01, 0.03, 0.02), (0.00, 0.04, 0.02)
    found = contrasts.spreads(paired(calm, wild))
    assert [spread_of(one).pooled for one in found] == [True, True]
    assert spread_of(found[1]).deviation == pytest.approx(np.std(wild, ddof=1))
    assert np.std(calm, ddof=1) < spread_of(found[0]).deviation < spread_of(found[1]).deviation


def test_a_collapse_in_one_network_does_not_spread_to_the_others() -> None:
    found = contrasts.spreads(paired((0.001, 0.003, 0.002), (0.002, 0.001, 0.003), (-0.30, -0.02, -0.05)))
    assert not any(spread_of(one).pooled for one in found)
    assert spread_of(found[0]).freedom == 2


def test_a_single_training_decides_nothing() -> None:
    (one,) = paired((0.3,))
    assert contrasts.spreads([one]) == [None]
    assert contrasts.estimate(one, None, 0.0).is_point


def test_classes_that_suffer_again_are_told_from_classes_that_suffer_once() -> None:
    generator = np.random.default_rng(3)
    tilt = np.linspace(-0.03, 0.03, 10)
    again = ByClass(tuple(map(tuple, tilt + generator.normal(0, 0.01, (3, 10)))))
    assert contrasts.same_classes(again) < 0.01
    chance = [contrasts.same_classes(ByClass(tuple(map(tuple, generator.normal(0, 1, (3, 10)))))) for _ in range(400)]
    assert 0.02 < np.mean(np.array(chance) < 0.05) < 0.08
    assert contrasts.same_classes(ByClass(again.changes[:1])) == 1


def test_friedman_is_scipys() -> None:
    changes = np.random.default_rng(4).normal(size=(4, 10))
    chi = stats.friedmanchisquare(*changes.T).statistic
    f = 3 * chi / (4 * 9 - chi)
    assert contrasts.same_classes(ByClass(tuple(map(tuple, changes)))) == pytest.approx(stats.f.sf(f, 9, 27), rel=1e-5)


def cells_of(*points: str) -> Callable[[Cell], bool]:
    return lambda cell: cell.point.name.partition("/")[2] in points and cell.architecture in STUDIED


def shifted(by: dict[tuple[int, str], float], kept: Callable[[Cell], bool]) -> Callable[[Cell], Figures | None]:
    """Cells like the study's, with top-1 moved by what `by` says of a seed and a point without its network."""

    def figures(cell: Cell) -> Figures | None:
        if not kept(cell):
            return None
        moved = by.get((cell.seed, cell.point.name.partition("/")[2]), 0.0)
        usual = like_the_study(cell)
        return replace(usual, latency_us=None, top1=tuple(value + moved for value in usual.top1 or ()))

    return figures


def decided(runs: Iterable[Run]) -> dict[str, Verdict]:
    return {verdict.key: verdict for verdict in decide(SeveralTrainings([RunEvidence(run) for run in runs]))}


def test_what_images_are_sure_of_trainings_may_not_be(tmp_path: Path) -> None:
    """Pruning to 30 % gains 2.3 to 5.2 points on average; 4.5 points more or less in the next training leave that open."""
    kept = cells_of("s00/float32", "s30/float32")
    steady = decided(make(tmp_path / "steady", shifted({(2, "s30/float32"): 0.002}, kept), seeds=(1, 2, 3)).by_seed())
    found = steady["gain_at_first"]
    assert (found.outcome, found.level, found.trainings, found.on_images) == (
        Outcome.reproduced, Level.trainings, 3, Outcome.reproduced,
    )  # fmt: skip
    assert all(row.across and row.across.holds and row.across.n == 3 for row in found.evidence)
    moved = {(2, "s30/float32"): -0.045, (3, "s30/float32"): 0.045}
    wild = decided(make(tmp_path / "wild", shifted(moved, kept), seeds=(1, 2, 3)).by_seed())
    found = wild["gain_at_first"]
    assert found.outcome is Outcome.not_testable and found.on_images is Outcome.reproduced
    assert "On the images of these trainings alone: reproduced." in str(found.reason)
    assert "Over 3 trainings of each network, which are few" in str(found.reason)


def test_one_network_with_a_second_training_leaves_the_others_open(tmp_path: Path) -> None:
    kept = cells_of("s00/float32", "s30/float32")
    more = make(tmp_path / "more", shifted({}, lambda cell: kept(cell) and cell.architecture == "mobilenet"), seed=2)
    found = decided([make(tmp_path / "all", shifted({}, kept)), more])["gain_at_first"]
    assert (found.outcome, found.trainings, found.on_images) == (Outcome.partly, 1, Outcome.reproduced)
    assert "Some networks have several trainings, but not all" in str(found.reason)
    assert verdict_text(found, language("en")) == "◐ partly (over trainings)"


def test_differences_within_a_training_are_paired_by_seed(tmp_path: Path) -> None:
    """The second training is 6 points better, in float32 and in int8 alike: int8 costs what it costs."""
    kept = cells_of("s00/float32", "s00/int8")
    both = {(2, "s00/float32"): 0.06, (2, "s00/int8"): 0.061}
    found = decided(make(tmp_path, shifted(both, kept), seeds=(1, 2, 3)).by_seed())["quantized_accuracy"]
    assert found.outcome is Outcome.reproduced, str(found.reason)
    assert all(row.across and row.across.deviation is not None and row.across.deviation < 0.1 for row in found.evidence)


def test_runs_of_one_seed_each_are_joined_as_the_seeds_of_one(tmp_path: Path) -> None:
    kept = cells_of("s00/float32", "s30/float32")
    figures = shifted({(2, "s30/float32"): 0.002}, kept)
    together = decided(make(tmp_path / "run", figures, seeds=(1, 2)).by_seed())["gain_at_first"]
    apart = decided([make(tmp_path / f"seed{seed}", figures, seed=seed) for seed in (1, 2)])["gain_at_first"]
    assert (apart.outcome, apart.trainings) == (together.outcome, 2)
    assert [row.across for row in apart.evidence] == [row.across for row in together.evidence]
    assert apart.evidence[0].records[-1].startswith("seed2/mobilenet@2/")


def test_memory_is_over_the_processes_of_all_seeds_and_sizes_are_means(tmp_path: Path) -> None:
    def figures(cell: Cell) -> Figures | None:
        usual = like_the_study(cell)
        if not cells_of("s00/float32", "s00/int8")(cell) or usual.size_bytes is None:
            return None
        return replace(usual, size_bytes=usual.size_bytes + 10 * cell.seed)

    runs = make(tmp_path, figures, seeds=(1, 2, 3)).by_seed()
    found = decided(runs)
    memory, files = found["v3_large_most_memory"], found["quantized_files"]
    assert (memory.level, memory.outcome, memory.trainings) == (Level.processes, Outcome.reproduced, None)
    assert {row.n for row in memory.evidence} == {3 * 2 * PROCESSES} and all(
        len(row.records) == 6 for row in memory.evidence
    )
    assert (files.level, files.outcome) == (Level.exact, Outcome.reproduced)
    evidence = SeveralTrainings([RunEvidence(run) for run in runs])
    usual = like_the_study(Cell("mobilenet", 1, 0, "int8"))
    assert usual.size_bytes and evidence.results[Point("mobilenet", 0, "int8")].size_bytes == usual.size_bytes + 20


def test_classes_are_even_only_if_no_two_of_them_differ() -> None:
    """Where the best and the worst class lie at the limit, at most 5 of 100 say that they are nearer."""
    generator = np.random.default_rng(7)
    means, noise = np.linspace(-0.01, 0.01, 10), 0.02
    drawn = [
        ByClass(tuple(map(tuple, means + generator.normal(0, noise, size=(3, 10)) + generator.normal(size=(3, 1)))))
        for _ in range(2000)
    ]
    assert np.mean([contrasts.even_classes(one, 0.02) < 0.05 for one in drawn]) < 0.05
    still = ByClass(tuple(map(tuple, generator.normal(0, 0.001, size=(3, 10)))))
    assert contrasts.even_classes(still, 0.02) < 1e-6
    assert contrasts.even_classes(ByClass((tuple(means),)), 0.05) == 1, "one training says nothing of the next"
    assert contrasts.even_classes(ByClass((tuple(means), tuple(means))), 0.05) < 1e-9
