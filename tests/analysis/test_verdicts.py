"""Each claim is seen to hold, to fail, and to be beyond a run; and what limits a verdict limits it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from kit.analysis.claims.decide import DECIDERS, decide
from kit.analysis.evidence import RunEvidence
from kit.analysis.several import SeveralTrainings
from kit.analysis.verdicts import Level, Outcome, Verdict
from kit.errors import KitError
from kit.runs import predictions
from kit.runs.record import read_record
from kit.study.claims import as_written, claim, claims
from kit.study.grid import Cell, Point
from tests.made_up import Figures, like_the_study, make, upside_down, values

KEYS = [one.key for one in claims()]
TIMED = ("pruned_costs", *(one.key for one in claims() if "bench" in one.needs))
WEIGHTS = ("pruned_gzip", "mobilenet_smallest", "storage_order", "storage_saved", "mobilenet_shrinks", "smallest_of_all")
EXACT = ("quantized_files", *WEIGHTS)
ACCURACY = tuple(one.key for one in claims() if "accuracy" in one.needs)


def seen(verdict: Verdict) -> Outcome:
    """How a claim comes out on the run's images, sizes or processes. Of an accuracy one training decides no more."""
    if verdict.key not in ACCURACY or not verdict.evidence:
        assert verdict.on_images is None
        return verdict.outcome
    decided = verdict.on_images is not Outcome.not_testable
    assert verdict.outcome is (Outcome.one_training if decided else Outcome.not_testable)
    assert (verdict.level, verdict.trainings) == (Level.one_training, 1)
    assert verdict.on_images
    return verdict.on_images


def verdicts(folder: Path, figures: Callable[[Cell], Figures | None] = like_the_study, **options: Any) -> dict[str, Verdict]:
    return {verdict.key: verdict for verdict in decide(RunEvidence(make(folder, figures, **options)))}


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    return verdicts(tmp_path_factory.mktemp("alike"))


@pytest.fixture(scope="module")
def opposite(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    return verdicts(tmp_path_factory.mktemp("opposite"), upside_down)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    """Another data set, nothing converted, and times from an emulator only."""

    def without_files(cell: Cell) -> Figures:
        return replace(like_the_study(cell), size_bytes=None)

    return verdicts(tmp_path_factory.mktemp("bare"), without_files, dataset="digits", origin="emulated")


def test_every_claim_has_its_decider() -> None:
    assert list(DECIDERS) == KEYS


def test_every_limit_stands_once_and_is_said_where_it_decides() -> None:
    """No digit of a limit stands in a text: all come from the table, and each is used."""
    limits, written = as_written()
    named = {text.replace("{", "}").split("}")[n] for one in written for text in one.decided_by.values() for n in (1, 3, 5)
             if text.count("{") * 2 > n}  # fmt: skip
    assert named == set(msgspec.to_builtins(limits))
    for one in written:
        for text in one.decided_by.values():
            assert not {word for word in re.sub(r"{.*?}", "", text).split() if word[0].isdigit()} - {
                "1",
                "1.",
                "0",
                "0;",
                "60",
            }
    assert "more than 1.25 times" in claim("quantized_latency").decided_by["en"]
    assert "mehr als 1,25-mal" in claim("quantized_latency").decided_by["de"]


@pytest.mark.parametrize("key", KEYS)
def test_a_run_like_the_study_reproduces_it(alike: dict[str, Verdict], key: str) -> None:
    verdict = alike[key]
    assert seen(verdict) is Outcome.reproduced, str(verdict.reason)
    assert verdict.evidence and all(row.records for row in verdict.evidence)
    assert verdict.origin == ("device" if key in TIMED else "")


@pytest.mark.parametrize("key", [key for key in KEYS if key != "pruned_classes"])
def test_a_run_of_the_opposite_does_not(opposite: dict[str, Verdict], key: str) -> None:
    assert seen(opposite[key]) is Outcome.not_reproduced, str(opposite[key].reason)
    assert any(row.holds is False for row in opposite[key].evidence)


@pytest.mark.parametrize("key", KEYS)
def test_a_bare_run_cannot_decide(bare: dict[str, Verdict], key: str) -> None:
    assert bare[key].outcome is Outcome.not_testable, str(bare[key].reason)
    assert not bare[key].evidence


def test_evidence_names_records_that_are_there(tmp_path: Path) -> None:
    run = make(tmp_path)
    for verdict in decide(RunEvidence(run)):
        for row in verdict.evidence:
            assert all((run.folder / path).is_file() for path in row.records)
            assert row.low is None or row.high is None or row.value is None or row.low <= row.value <= row.high


def test_a_host_shows_what_holds_there_and_no_more(tmp_path: Path) -> None:
    found = verdicts(tmp_path, origin="local")
    for key in TIMED:
        assert found[key].outcome is Outcome.partly and found[key].origin == "local"
        assert "not on a device" in str(found[key].reason)
    assert all(seen(found[key]) is Outcome.reproduced for key in KEYS if key not in TIMED)


def test_another_data_set_decides_only_what_is_exact(tmp_path: Path) -> None:
    found = verdicts(tmp_path, dataset="digits")
    outcomes = {key: found[key].outcome for key in KEYS}
    assert outcomes["quantized_files"] is Outcome.reproduced
    assert all(outcomes[key] is Outcome.partly for key in WEIGHTS)
    assert all(outcomes[key] is Outcome.not_testable for key in KEYS if key not in EXACT + TIMED)
    assert "scikit-learn" in str(found["overfitting"].reason)


def without(*architectures: str) -> Callable[[Cell], Figures | None]:
    return lambda cell: None if cell.architecture in architectures else like_the_study(cell)


def test_without_its_subject_a_claim_cannot_be_decided(tmp_path: Path) -> None:
    found = verdicts(tmp_path, without("mobilenet"))
    for key in ("mobilenet_prunes_best", "mobilenet_smallest", "mobilenet_robust"):
        assert found[key].outcome is Outcome.not_testable and "MobileNet" in str(found[key].reason)
    assert found["quantized_latency"].outcome is Outcome.partly  # "most of all MobileNet" is beyond this run
    assert found["overfitting"].missing == ("MobileNet",)


def test_what_is_said_of_all_five_needs_all_five(tmp_path: Path) -> None:
    found = verdicts(tmp_path, without("efficientnet_b0"))
    for key in ("v3_hard_to_train", "mobilenet_prunes_best", "mobilenet_robust", "quantized_latency", "overfitting"):
        assert seen(found[key]) is Outcome.partly, str(found[key].reason)
    assert found["efficientnet_slow"].outcome is Outcome.not_testable


def test_one_architecture_that_fails_makes_it_partly(tmp_path: Path) -> None:
    def rises(cell: Cell) -> Figures:
        usual = like_the_study(cell)
        if cell != Cell("mobilenet_v2", 1, 60, "float32"):
            return usual
        return replace(usual, top1=tuple(value + 0.1 for value in usual.top1 or ()))

    verdict = verdicts(tmp_path, rises)["pruned_accuracy"]
    assert seen(verdict) is Outcome.partly
    assert "Does not hold for: MobileNetV2." in str(verdict.reason)


def measured(**benches: Callable[[Figures], dict[str, Any]]) -> Callable[[Cell], dict[str, dict[str, Any]]]:
    """Bench records by key for every cell; `local` is this machine's own."""

    def of(cell: Cell) -> dict[str, dict[str, Any]]:
        names = {key: "bench.local.json" if key == "local" else f"bench.{key}.json" for key in benches}
        return {names[key]: bench(like_the_study(cell)) for key, bench in benches.items()}

    return of


INVALID = {"validity": "invalid", "invalid_reasons": ["throttled"]}


def test_a_bench_that_is_not_valid_decides_nothing(tmp_path: Path) -> None:
    found = verdicts(tmp_path, bench=measured(pi=lambda usual: values(usual, "device") | INVALID))
    assert found["quantized_latency"].outcome is Outcome.not_testable
    assert found["pruned_costs"].outcome is Outcome.partly  # the files are still as large


def test_a_device_comes_before_a_host_and_a_valid_bench_before_one_that_is_not(tmp_path: Path) -> None:
    both = measured(local=lambda usual: values(usual, "local"), pi=lambda usual: values(usual, "device"))
    run = make(tmp_path / "both", bench=both)
    assert [read_record(path).values["origin"] for path in run.bench_paths(Cell("mobilenet", 1, 0, "int8"))] == [
        "local",
        "device",
    ]
    found = {verdict.key: verdict for verdict in decide(RunEvidence(run))}
    assert found["quantized_latency"].origin == "device"
    assert all("bench.pi.json" in path for row in found["quantized_latency"].evidence for path in row.records)
    bad = measured(local=lambda usual: values(usual, "local"), pi=lambda usual: values(usual, "device") | INVALID)
    assert verdicts(tmp_path / "bad", bench=bad)["quantized_latency"].origin == "local"


def test_what_another_interpreter_there_says_differently_is_said(tmp_path: Path) -> None:
    def both(cell: Cell) -> dict[str, dict[str, Any]]:
        litert = values(like_the_study(cell), "local") | {"interpreter": "litert"}
        return {"bench.local-litert.json": litert, "bench.local-tflite.json": values(upside_down(cell), "local")}

    found = verdicts(tmp_path, bench=both)
    assert found["quantized_latency"].outcome is Outcome.partly
    objection = "Measured there with tflite (delegate: xnnpack, threads: 1, protocol: rigorous) it would be: not reproduced."
    assert str(found["quantized_latency"].reason).endswith(objection)
    assert [key for key, verdict in found.items() if objection in str(verdict.reason) and key not in TIMED] == []


def test_one_process_tells_no_spread_and_is_judged_by_its_value(tmp_path: Path) -> None:
    single = measured(pi=lambda usual: values(usual, "device", processes=1))
    found = verdicts(tmp_path / "like", bench=single)
    for key in TIMED:
        assert found[key].outcome is Outcome.reproduced, str(found[key].reason)
        assert "Judged by the value alone, because its spread is unknown" in str(found[key].reason)
        timed = [row for row in found[key].evidence if row.by_point]
        assert timed and all(row.holds and row.low is None and row.p is None for row in timed)
    slow = measured(pi=lambda usual: values(replace(usual, latency_us=1000), "device", processes=1))
    assert verdicts(tmp_path / "slow", bench=slow)["quantized_latency"].outcome is Outcome.not_reproduced


def test_two_single_processes_of_one_network_are_no_spread_of_a_series(tmp_path: Path) -> None:
    """`rigorous` lacks a network here; `paper` has two processes of MobileNet, one a training."""

    def both(cell: Cell) -> dict[str, dict[str, Any]]:
        single = {"bench.pi-paper.json": values(like_the_study(cell), "device", processes=1) | {"protocol": "paper"}}
        is_left_out = cell.architecture == "mobilenet_v3_small_minimalistic"
        return single | ({} if is_left_out else {"bench.pi.json": values(like_the_study(cell), "device")})

    def second(cell: Cell) -> Figures | None:
        return like_the_study(cell) if cell.architecture == "mobilenet" else None

    runs = [make(tmp_path / "first", bench=both), make(tmp_path / "second", second, seed=2, bench=both)]
    series = SeveralTrainings([RunEvidence(run) for run in runs]).series
    assert series and series.protocol == "rigorous"


def test_that_pruning_hits_the_classes_alike_takes_small_changes_to_show(
    tmp_path: Path, opposite: dict[str, Verdict]
) -> None:
    """Of 1,000 images a class: changes of 10 points leave room for 2 between two classes, changes of 1 point don't."""

    def alike(cell: Cell) -> Figures:
        return replace(like_the_study(cell), top1=(0.7 - cell.sparsity / 9000,) * 10)

    assert seen(opposite["pruned_classes"]) is Outcome.not_testable
    assert seen(verdicts(tmp_path, alike)["pruned_classes"]) is Outcome.not_reproduced


def test_only_an_adjusted_p_refutes(tmp_path: Path) -> None:
    """A gap of 3 points is shown to be below 5. One of 3.9 isn't: 2.9 to 4.9, but this is one of five intervals."""

    def fitted(cell: Cell) -> Figures:
        gap = {"mobilenet_v3_large": 0.03, "mobilenet_v3_small": 0.039}.get(cell.architecture, 0.1)
        return replace(like_the_study(cell), top1=(0.66,) * 10, train_top1=0.66 + gap)

    rows = {row.subject: row for row in verdicts(tmp_path, fitted)["overfitting"].evidence}
    large, small = (rows[f"mobilenet_v3_{size}/s00/float32"] for size in ("large", "small"))
    assert large.high is not None and large.high < 5 and large.holds is False
    assert small.high is not None and small.high < 5 and small.holds is None
    assert large.within is small.within is False


def test_every_test_can_come_out_both_ways(alike: dict[str, Verdict], opposite: dict[str, Verdict]) -> None:
    for key in KEYS:
        assert any(row.holds for row in alike[key].evidence) and any(row.holds is False for row in opposite[key].evidence)


def test_a_run_that_travels_without_its_predictions_is_reported_all_the_same(tmp_path: Path) -> None:
    run = make(tmp_path)
    for path in tmp_path.rglob("predictions.safetensors"):
        path.unlink()
    found = {verdict.key: verdict for verdict in decide(RunEvidence(run))}
    assert seen(found["overfitting"]) is Outcome.reproduced
    assert found["quantized_accuracy"].outcome is Outcome.not_testable
    assert "no per-image predictions" in str(found["quantized_accuracy"].reason)


def test_a_damaged_prediction_file_decides_nothing_and_says_how_to_fix_it(tmp_path: Path) -> None:
    run = make(tmp_path)
    path = run.path(Cell("mobilenet", 1, 0, "int8"), "predictions.safetensors")
    path.write_bytes(path.read_bytes()[:100])
    cell = Point("mobilenet", 0, "int8")
    evidence = RunEvidence(run)
    assert evidence.results[cell].test is None
    assert evidence.results[cell].stale == {
        "evaluate mobilenet@1/s00/int8": "mobilenet@1/s00/int8/predictions.safetensors is another file now"
    }
    assert decide(evidence)
    with pytest.raises(KitError, match=r"cannot be read .* `kit reproduce` with its preset makes it again"):
        predictions.read(path)
