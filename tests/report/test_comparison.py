"""Published beside own: what agrees, what does not, and what cannot be compared; and what compression really did."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from kit.report.comparison import Comparison, compare
from kit.report.compressed import Compression, compressions
from kit.report.ground import Ground
from kit.study.cells import Cell
from tests.report.made_up import Figures, like_the_study, make, values

CELL = "mobilenet_v2/s00/float32"


def compared(folder: Path, figures=like_the_study, **options) -> dict[tuple[str, str], Comparison]:  # type: ignore[no-untyped-def]
    rows = compare(Ground(make(folder, figures, **options)))
    return {(row.cell, row.quantity): row for row in rows}


def test_the_studys_own_figures_agree_with_it(tmp_path: Path) -> None:
    found = compared(tmp_path)
    assert len(found) == 10 * 6
    for row in found.values():
        if row.quantity != "top3":  # made-up images have no second guess that is right
            assert row.agrees, row
            assert row.relative == pytest.approx(0, abs=0.03)
            assert row.records


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
    assert found["mobilenet_v2/s00/int8", "top1"].agrees


def test_another_file_size_or_another_number_of_parameters_does_not_agree(tmp_path: Path) -> None:
    def larger(cell: Cell) -> Figures:
        usual = like_the_study(cell)
        return replace(usual, size_bytes=round((usual.size_bytes or 0) * 1.06))

    assert compared(tmp_path, larger)[CELL, "file_mb"].agrees is False


@pytest.mark.parametrize(("origin", "model"), [("host", ""), ("device", "Raspberry Pi 5 Model B"), ("emulated", "")])
def test_absolute_times_compare_on_a_pi_4_only(tmp_path: Path, origin: str, model: str) -> None:
    found = compared(tmp_path, bench=lambda cell: {"bench.json": values(like_the_study(cell), origin, model=model)})
    for quantity in ("latency_us", "memory_mib"):
        row = found[CELL, quantity]
        assert row.agrees is None
        assert str(row.note).startswith("Not comparable here: measured on" if origin != "emulated" else "Not in this run")


def test_times_on_a_pi_4_may_differ_by_a_tenth(tmp_path: Path) -> None:
    def slower(cell: Cell) -> Figures:
        usual = like_the_study(cell)
        return replace(usual, latency_us=(usual.latency_us or 0) * (1.2 if cell.name == CELL else 1.05))

    found = compared(tmp_path, slower)
    assert found[CELL, "latency_us"].agrees is False
    assert found["mobilenet_v2/s00/int8", "latency_us"].agrees is True


def test_accuracies_on_other_images_do_not_compare(tmp_path: Path) -> None:
    row = compared(tmp_path, dataset="digits")[CELL, "top1"]
    assert row.agrees is None and "other images" in str(row.note) and row.own is not None


def test_what_is_not_in_the_run_is_said_to_be_missing(tmp_path: Path) -> None:
    found = compared(tmp_path, lambda cell: None if cell.name == CELL else like_the_study(cell))
    assert all(str(found[CELL, q].note) == "Not in this run." for q in ("top1", "file_mb", "latency_us"))


@pytest.fixture(scope="module")
def compressed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Compression]:
    run = make(tmp_path_factory.mktemp("run"))
    return {row.cell: row for row in compressions(Ground(run))}


def test_each_step_says_the_bytes_that_it_saved(compressed: dict[str, Compression]) -> None:
    row = compressed["mobilenet/s90/int8"]
    assert [(step.step, step.saved_bytes) for step in row.steps] == [
        ("pruning", 0),
        ("quantization", 12_845_300 - 3_614_900),
        ("gzip", 3_614_900 - 903_725),
    ]
    assert row.nominal == 0.9 and row.achieved == pytest.approx(0.9, abs=1e-6)
    assert row.by_kind == {"pointwise": pytest.approx(0.9, abs=1e-6)}
    assert row.integer == {"CONV_2D": 3} and row.floating == {}
    assert row.stored == 0.9


def test_it_says_why_something_did_not_shrink(compressed: dict[str, Compression]) -> None:
    assert "Only gzip finds them: 904 kB instead of 3,326 kB" in str(compressed["mobilenet/s90/int8"].file)
    assert "3.55 times smaller, not 4 times" in str(compressed["mobilenet/s00/int8"].file)
    assert "1.00 of the unpruned latency" in str(compressed["mobilenet/s90/int8"].latency)
    assert compressed["mobilenet/s00/int8"].latency is None  # it is faster
    assert compressed["mobilenet/s00/float32"].file is None


def test_a_fall_back_to_float_is_named(tmp_path: Path) -> None:
    import json

    def slow(cell: Cell) -> Figures:
        return replace(like_the_study(cell), latency_us=5000.0)

    run = make(tmp_path, slow)
    path = run.folder / "mobilenet" / "s00" / "int8" / "evaluate.json"
    record = json.loads(path.read_text())
    record["values"]["contents"]["operators"] |= {"HARD_SWISH": {"float32": 2}, "QUANTIZE": {"int8": 1}}
    path.write_text(json.dumps(record))
    row = next(row for row in compressions(Ground(run)) if row.cell == "mobilenet/s00/int8")
    assert row.floating == {"HARD_SWISH": 2}
    assert "2 of 5 operators fall back to float (HARD_SWISH)" in str(row.latency)
    assert "and 2 operators stay float" in str(row.file)
