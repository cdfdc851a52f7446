"""Each claim is seen to hold, to fail, and to be beyond a run; and what limits a verdict limits it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from kit.records import record as records
from kit.report.claims import classes, combined, pruning, quantization, training
from kit.report.decide import DECIDERS, decide
from kit.report.ground import Ground
from kit.report.verdict import Outcome, Verdict
from kit.study.cells import Cell
from kit.study.claims import claim, claims
from tests.report.made_up import Figures, like_the_study, make, upside_down, values

KEYS = [one.key for one in claims()]
TIMED = ("efficientnet_slow", "quantized_latency", "quantized_memory", "pruned_costs")
EXACT = ("quantized_files", "pruned_gzip", "mobilenet_smallest")


def verdicts(folder: Path, figures: Callable[[Cell], Figures | None] = like_the_study, **options: Any) -> dict[str, Verdict]:
    return {verdict.key: verdict for verdict in decide(Ground(make(folder, figures, **options)))}


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


@pytest.mark.parametrize(
    ("key", "limits"),
    [
        ("overfitting", [f"{100 * training.OVERFITTING_GAP:g} percentage points"]),
        ("efficientnet_slow", [f"above {training.MUCH_SLOWER:g}", f"less than {100 * training.ABOUT_AS_LARGE:g} %"]),
        ("quantized_accuracy", [f"{100 * quantization.LITTLE_ACCURACY:g} percentage points"]),
        ("quantized_latency", [f"more than {quantization.STRONGLY:g}"]),
        (
            "quantized_memory",
            ["between {:.0f} and {:.0f} %".format(*(100 - 100 * k for k in quantization.MEMORY_KEPT[::-1]))],
        ),
        ("pruned_costs", [f"{100 * pruning.NO_CHANGE:g} %", f"{100 * pruning.NO_CHANGE_OF_FILE:g} %"]),
        ("pruned_gzip", [f"at least {100 * pruning.SMALLER:g} %"]),
        ("pruned_classes", [f"at least {100 * classes.SMALLEST_RANGE:g} percentage points"]),
        ("mobilenet_smallest", [f"{combined.SMALLEST_MB:g} MB", f"{100 * combined.SMALLEST_TOLERANCE:g} %"]),
    ],
)
def test_what_is_said_to_decide_a_claim_is_what_decides_it(key: str, limits: list[str]) -> None:
    said = claim(key).decided_by
    for limit in limits:
        assert limit in said["en"]
        number = next(word for word in limit.split() if word[0].isdigit())
        assert number.replace(".", ",") in said["de"]


@pytest.mark.parametrize("key", KEYS)
def test_a_run_like_the_study_reproduces_it(alike: dict[str, Verdict], key: str) -> None:
    verdict = alike[key]
    assert verdict.outcome is Outcome.reproduced, str(verdict.reason)
    assert verdict.evidence and all(row.records for row in verdict.evidence)
    assert verdict.origin == ("device" if key in TIMED else "")


@pytest.mark.parametrize("key", KEYS)
def test_a_run_of_the_opposite_does_not(opposite: dict[str, Verdict], key: str) -> None:
    assert opposite[key].outcome is Outcome.not_reproduced, str(opposite[key].reason)
    assert any(row.holds is False for row in opposite[key].evidence)


@pytest.mark.parametrize("key", KEYS)
def test_a_bare_run_cannot_decide(bare: dict[str, Verdict], key: str) -> None:
    assert bare[key].outcome is Outcome.not_testable, str(bare[key].reason)
    assert not bare[key].evidence


def test_evidence_names_records_that_are_there(tmp_path: Path) -> None:
    run = make(tmp_path)
    for verdict in decide(Ground(run)):
        for row in verdict.evidence:
            assert all((run.folder / path).is_file() for path in row.records)
            assert row.low is None or row.high is None or row.value is None or row.low <= row.value <= row.high


def test_a_host_shows_what_holds_there_and_no_more(tmp_path: Path) -> None:
    found = verdicts(tmp_path, origin="host")
    for key in TIMED:
        assert found[key].outcome is Outcome.partly and found[key].origin == "host"
        assert "not on a device" in str(found[key].reason)
    assert all(found[key].outcome is Outcome.reproduced for key in KEYS if key not in TIMED)


def test_another_data_set_decides_only_what_is_exact(tmp_path: Path) -> None:
    found = verdicts(tmp_path, dataset="digits")
    outcomes = {key: found[key].outcome for key in KEYS}
    assert outcomes["quantized_files"] is Outcome.reproduced
    assert outcomes["pruned_gzip"] is outcomes["mobilenet_smallest"] is Outcome.partly
    assert all(outcomes[key] is Outcome.not_testable for key in KEYS if key not in EXACT + TIMED)
    assert "scikit-learn" in str(found["overfitting"].reason)


def without(*architectures: str) -> Callable[[Cell], Figures | None]:
    return lambda cell: None if cell.architecture in architectures else like_the_study(cell)


def test_without_its_subject_a_claim_cannot_be_decided(tmp_path: Path) -> None:
    found = verdicts(tmp_path, without("mobilenet"))
    for key in ("mobilenet_prunes_best", "mobilenet_smallest", "mobilenet_robust"):
        assert found[key].outcome is Outcome.not_testable and "MobileNet" in str(found[key].reason)
    assert found["quantized_latency"].outcome is Outcome.partly  # "most of all MobileNet" is beyond this run
    assert found["overfitting"].outcome is Outcome.reproduced
    assert found["overfitting"].missing == ("MobileNet",)


def test_a_superlative_needs_all_five(tmp_path: Path) -> None:
    found = verdicts(tmp_path, without("efficientnet_b0"))
    for key in ("v3_hard_to_train", "mobilenet_prunes_best", "mobilenet_robust", "quantized_latency"):
        assert found[key].outcome is Outcome.partly, str(found[key].reason)
    assert found["efficientnet_slow"].outcome is Outcome.not_testable


def test_one_architecture_that_fails_makes_it_partly(tmp_path: Path) -> None:
    def rises(cell: Cell) -> Figures:
        usual = like_the_study(cell)
        if cell != Cell("mobilenet_v2", 30, "float32"):
            return usual
        return replace(usual, top1=tuple(value + 0.1 for value in usual.top1 or ()))

    verdict = verdicts(tmp_path, rises)["pruned_accuracy"]
    assert verdict.outcome is Outcome.partly
    assert "Does not hold for: MobileNetV2." in str(verdict.reason)


def measured(**benches: Callable[[Figures], dict[str, Any]]) -> Callable[[Cell], dict[str, dict[str, Any]]]:
    """Bench records by key for every cell; `local` is this machine's own."""

    def of(cell: Cell) -> dict[str, dict[str, Any]]:
        names = {key: "bench.json" if key == "local" else f"bench.{key}.json" for key in benches}
        return {names[key]: bench(like_the_study(cell)) for key, bench in benches.items()}

    return of


INVALID = {"validity": {"state": "INVALID", "reasons": ["throttled"]}}


def test_a_bench_that_is_not_valid_decides_nothing(tmp_path: Path) -> None:
    found = verdicts(tmp_path, bench=measured(pi=lambda usual: values(usual, "device") | INVALID))
    assert found["quantized_latency"].outcome is Outcome.not_testable
    assert found["pruned_costs"].outcome is Outcome.partly  # the files are still as large


def test_a_device_comes_before_a_host_and_a_valid_bench_before_one_that_is_not(tmp_path: Path) -> None:
    both = measured(local=lambda usual: values(usual, "host"), pi=lambda usual: values(usual, "device"))
    run = make(tmp_path / "both", bench=both)
    assert [records.read(path).values["origin"] for path in run.bench_paths(Cell("mobilenet", 0, "int8"))] == [
        "host",
        "device",
    ]
    found = {verdict.key: verdict for verdict in decide(Ground(run))}
    assert found["quantized_latency"].origin == "device"
    assert all("bench.pi.json" in path for row in found["quantized_latency"].evidence for path in row.records)
    bad = measured(local=lambda usual: values(usual, "host"), pi=lambda usual: values(usual, "device") | INVALID)
    assert verdicts(tmp_path / "bad", bench=bad)["quantized_latency"].origin == "host"


def test_what_another_interpreter_there_says_differently_is_said(tmp_path: Path) -> None:
    def both(cell: Cell) -> dict[str, dict[str, Any]]:
        litert = values(like_the_study(cell), "host") | {"interpreter": "litert"}
        return {"bench.json": litert, "bench-tflite.json": values(upside_down(cell), "host")}

    found = verdicts(tmp_path, bench=both)
    assert found["quantized_latency"].outcome is Outcome.partly
    objection = "Measured there with tflite (threads: 1) it would be: not reproduced."
    assert str(found["quantized_latency"].reason).endswith(objection)
    assert [key for key, verdict in found.items() if objection in str(verdict.reason) and key not in TIMED] == []


def test_one_process_tells_no_spread_and_so_nothing(tmp_path: Path) -> None:
    single = measured(pi=lambda usual: values(usual, "device", processes=1))
    verdict = verdicts(tmp_path, bench=single)["quantized_latency"]
    assert verdict.outcome is Outcome.not_testable
    assert all(row.holds is None and row.low is None for row in verdict.evidence)


def test_a_run_that_travels_without_its_predictions_is_reported_all_the_same(tmp_path: Path) -> None:
    run = make(tmp_path)
    for path in tmp_path.rglob("predictions.safetensors"):
        path.unlink()
    found = {verdict.key: verdict for verdict in decide(Ground(run))}
    assert found["overfitting"].outcome is Outcome.reproduced
    assert found["quantized_accuracy"].outcome is Outcome.not_testable
    assert "no predictions image by image" in str(found["quantized_accuracy"].reason)


def test_a_damaged_prediction_file_says_how_to_mend_it(tmp_path: Path) -> None:
    from kit.errors import KitError

    run = make(tmp_path)
    path = run.path(Cell("mobilenet", 0, "int8"), "predictions.safetensors")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(KitError, match=r"cannot be read .* `kit reproduce` with its preset makes it again"):
        decide(Ground(run))
