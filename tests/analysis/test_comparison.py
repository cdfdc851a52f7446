"""Published beside own: what agrees, what does not, and what cannot be compared; and what compression really did."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from kit import store
from kit.analysis.comparison import Comparison, compare
from kit.analysis.compression import Compression, compressions
from kit.analysis.evidence import RunEvidence
from kit.runs import predictions
from kit.runs.artifacts import PREDICTIONS
from kit.runs.counts import counts
from kit.runs.record import plain
from kit.study.grid import Cell, named
from tests.made_up import Figures, like_the_study, make, values

CELL = "mobilenet_v2@1/s00/float32"


def compared(folder: Path, figures=like_the_study, **options) -> dict[tuple[str, str], Comparison]:  # type: ignore[no-untyped-def]
    rows = compare(RunEvidence(make(folder, figures, **options)))
    return {(row.cell, row.quantity): row for row in rows}


def test_the_studys_own_figures_agree_with_it(tmp_path: Path) -> None:
    found = compared(tmp_path)
    assert len(found) == 56 * 9 + 6 + 49 * 2
    for row in found.values():
        # Made-up images have no second guess that is right, and made-up weights as many zeros as nominal.
        if row.quantity not in ("top3", "nonzero", "achieved_sparsity"):
            assert row.agrees, row
            assert row.relative == pytest.approx(0, abs=0.03)
            assert row.records


def test_the_odd_cell_carries_its_remark(tmp_path: Path) -> None:
    found = compared(tmp_path)
    remarked = {row.cell for row in found.values() if row.remark}
    assert remarked == {"efficientnet_b0@1/s30/float32", "efficientnet_b0@1/s30/int8"}
    assert "a day later" in str(found["efficientnet_b0@1/s30/int8", "top1"].remark)


def test_accuracies_compare_as_the_study_counted(tmp_path: Path) -> None:
    """An int8 network that ties on 600 images: fair it has half of them, as the study counted all."""
    run = make(tmp_path)
    cell = named("mobilenet@1/s30/int8")
    path = run.path(cell, PREDICTIONS)
    own = predictions.read(path)["test"]
    probabilities = np.full((10_000, 10), 0.01, np.float32)
    probabilities[np.arange(10_000), own.top3[:, 0]] = 0.5
    wrong = np.flatnonzero(own.top3[:, 0] != own.label)[:600]
    probabilities[wrong, own.label[wrong]] = 0.5
    record = json.loads(run.record_path("evaluate", cell).read_text())
    record["values"]["test"] = plain(counts(predictions.keep(probabilities, own.label)))
    store.write(run.record_path("evaluate", cell), json.dumps(record).encode())
    evidence = RunEvidence(run)
    rows = {(row.cell, row.quantity): row for row in compare(evidence)}
    test = evidence.results[cell.point].test
    assert test is not None and test.studied is not None and test.tied == 0.06
    assert test.top1 == pytest.approx(0.7887 + 0.03, abs=2e-3)
    assert rows[cell.name, "top1"].own == test.studied.top1 == pytest.approx(0.7887 + 0.06, abs=2e-3)
    assert rows[cell.name, "top1"].agrees is False


def test_int8_accuracies_of_a_run_that_does_not_tell_ties_do_not_compare(tmp_path: Path) -> None:
    run = make(tmp_path)
    for cell in run.preset.cells():
        path = run.record_path("evaluate", cell)
        record = json.loads(path.read_text())
        del record["values"]["test"]["tied"], record["values"]["test"]["as_studied"]
        store.write(path, json.dumps(record).encode())
    evidence = RunEvidence(run)
    rows = {(row.cell, row.quantity): row for row in compare(evidence)}
    assert rows[CELL, "top1"].agrees
    int8 = rows["mobilenet_v2@1/s00/int8", "top1"]
    assert int8.agrees is None and int8.own is not None and "did not record ties" in str(int8.note)


def test_an_accuracy_that_the_choice_of_images_does_not_explain(tmp_path: Path) -> None:
    def better(cell: Cell) -> Figures:
        usual = like_the_study(cell)
        raised = 0.03 if cell.name == CELL else 0.005
        return replace(usual, top1=tuple(value + raised for value in usual.top1 or ()))

    found = compared(tmp_path, better)
    row = found[CELL, "top1"]
    assert row.agrees is False and row.p is not None and row.p < 0.01
    assert row.deviation == pytest.approx(0.03, abs=1e-3)
    assert row.low is not None and row.high is not None and row.own is not None
    assert row.low < row.own < row.high
    assert row.published_low == pytest.approx(0.7237, abs=1e-4)  # Wilson, 7325 of 10,000
    assert found["mobilenet_v2@1/s00/int8", "top1"].agrees


def test_another_file_size_or_another_number_of_parameters_does_not_agree(tmp_path: Path) -> None:
    def larger(cell: Cell) -> Figures:
        usual = like_the_study(cell)
        return replace(usual, size_bytes=round((usual.size_bytes or 0) * 1.08))

    assert compared(tmp_path, larger)[CELL, "file_mb"].agrees is False


@pytest.mark.parametrize(("origin", "model"), [("local", ""), ("device", "Raspberry Pi 5 Model B"), ("emulated", "")])
def test_absolute_times_compare_on_a_pi_4_only(tmp_path: Path, origin: str, model: str) -> None:
    found = compared(tmp_path, bench=lambda cell: {"bench.json": values(like_the_study(cell), origin, model=model)})
    for quantity in ("latency_us", "memory_mib"):
        row = found[CELL, quantity]
        assert row.agrees is None
        assert str(row.note).startswith(
            "Compares in ratio only: measured on" if origin != "emulated" else "Missing from this run"
        )
    ratio = found["mobilenet_v2@1/s00/int8", "latency_ratio"]
    assert ratio.published == pytest.approx(2843 / 4961) and ratio.agrees is (True if origin != "emulated" else None)


def test_times_on_a_pi_4_may_differ_by_a_tenth(tmp_path: Path) -> None:
    def slower(cell: Cell) -> Figures:
        usual = like_the_study(cell)
        return replace(usual, latency_us=(usual.latency_us or 0) * (1.2 if cell.name == CELL else 1.05))

    found = compared(tmp_path, slower)
    assert found[CELL, "latency_us"].agrees is False
    assert found["mobilenet_v2@1/s00/int8", "latency_us"].agrees is True


def test_accuracies_on_other_images_do_not_compare(tmp_path: Path) -> None:
    row = compared(tmp_path, dataset="digits")[CELL, "top1"]
    assert row.agrees is None and "different images" in str(row.note) and row.own is not None


def test_what_is_not_in_the_run_is_said_to_be_missing(tmp_path: Path) -> None:
    found = compared(tmp_path, lambda cell: None if cell.name == CELL else like_the_study(cell))
    assert all(str(found[CELL, q].note) == "Missing from this run." for q in ("top1", "file_mb", "latency_us"))


@pytest.fixture(scope="module")
def compressed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Compression]:
    run = make(tmp_path_factory.mktemp("run"))
    return {row.cell: row for row in compressions(RunEvidence(run))}


def test_each_step_says_the_bytes_that_it_saved(compressed: dict[str, Compression]) -> None:
    row = compressed["mobilenet@1/s90/int8"]
    assert [(step.step, step.saved_bytes) for step in row.steps] == [
        ("pruning", 200),
        ("quantization", 12_845_100 - 3_614_700),
        ("gzip", 3_614_700 - 917_900),
    ]
    assert row.nominal == 0.9 and row.achieved == pytest.approx(0.9, abs=1e-6)
    assert row.by_kind == {"pointwise": pytest.approx(0.9, abs=1e-6)}
    assert row.integer == {"CONV_2D": 3} and row.floating == {}
    assert row.stored == 0.9


def test_it_says_why_something_did_not_shrink(compressed: dict[str, Compression]) -> None:
    assert "Only gzip finds them: 918 kB instead of 3,068 kB" in str(compressed["mobilenet@1/s90/int8"].file)
    assert "3.55 times smaller, not 4 times" in str(compressed["mobilenet@1/s00/int8"].file)
    assert "1.01 of the unpruned latency" in str(compressed["mobilenet@1/s90/int8"].latency)
    assert compressed["mobilenet@1/s00/int8"].latency is None  # it is faster
    assert compressed["mobilenet@1/s00/float32"].file is None


def test_a_fall_back_to_float_is_named(tmp_path: Path) -> None:
    import json

    def slow(cell: Cell) -> Figures:
        return replace(like_the_study(cell), latency_us=5000.0)

    run = make(tmp_path, slow)
    path = run.folder / "mobilenet@1" / "s00" / "int8" / "evaluate.json"
    record = json.loads(path.read_text())
    record["values"]["contents"]["operators"] |= {"HARD_SWISH": {"float32": 2}, "QUANTIZE": {"int8": 1}}
    path.write_text(json.dumps(record))
    row = next(row for row in compressions(RunEvidence(run)) if row.cell == "mobilenet@1/s00/int8")
    assert row.floating == {"HARD_SWISH": 2}
    assert "2 of 5 operators fall back to float (HARD_SWISH)" in str(row.latency)
    assert "and 2 operators stay float" in str(row.file)
