"""The report of a run of several seeds."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import altair as alt
import pytest
from msgspec.structs import replace

from kit import store
from kit.analysis.concordance import concordance
from kit.analysis.material import gather
from kit.analysis.results import results
from kit.analysis.summary import join, one_run
from kit.report.figures import engine, every
from kit.report.language import language
from kit.report.render import pages
from kit.report.tables import choice
from kit.study.grid import Cell, Point
from tests.conftest import Kit
from tests.made_up import SPREAD, Figures, make, spread_over_seeds


def only_mobilenet(cell: Cell) -> Figures | None:
    return spread_over_seeds(cell) if cell.architecture == "mobilenet" else None


def test_a_made_up_run_of_seeds_differs_from_training_to_training(tmp_path: Path) -> None:
    run = make(tmp_path, only_mobilenet, seeds=(1, 2, 3))
    tested = {r.cell.name: r.test for r in results(run) if r.test}
    assert len(tested) == 3 * 8
    top1 = [tested[f"mobilenet@{seed}/s60/float32"].top1 for seed in (1, 2, 3)]
    assert len(set(top1)) == 3 and max(top1) - min(top1) <= 3 * SPREAD
    assert sum(top1) / 3 == pytest.approx(0.7695, abs=1.5 * SPREAD)


def test_one_section_for_all_seeds(tmp_path: Path) -> None:
    run = make(
        tmp_path / "run", lambda cell: spread_over_seeds(cell) if cell.architecture == "mobilenet" else None, seeds=(1, 2)
    )
    files = {path.name: text.decode() for path, text in pages([run], join(run.by_seed()), tmp_path, language("en")).items()}
    assert files["report.html"].count('<table class="sortable filterable" data-table="cells">') == 1
    each = [one.test.top1 for one in results(run) if one.point.name == "mobilenet/s60/float32" and one.test]
    row = next(line for line in files["report.md"].splitlines() if line.startswith("| mobilenet/s60/float32 |"))
    mean, half = sum(each) / 2, 12.7062 * abs(each[0] - each[1]) / 2  # Student's t with one degree of freedom
    assert row.split(" | ")[1] == f"{mean:.4f} [{mean - half:.4f}, {mean + half:.4f}]"
    assert "mobilenet@2/s60/float32" in files["cells.md"]
    assert "over up to 2 trainings (seeds)" in files["report.md"]


@pytest.mark.parametrize(("changes", "w"), [([[1, 2, 3]] * 3, 1.0), ([[1, 2, 3], [3, 2, 1]], 0.0), ([[0, 0, 0]] * 2, None)])
def test_kendalls_w(changes: list[list[float]], w: float | None) -> None:
    found = concordance(changes)
    assert (found.w if found else None) == w
    assert concordance(changes[:1]) is None


def test_the_front_and_the_commands(tmp_path: Path) -> None:
    run = make(tmp_path / "run", only_mobilenet)
    found = choice.choice(gather(run, one_run(run)), language("en"))
    assert found.rows[0].values[0].text == "mobilenet/s30/int8"
    assert {row.values[-1].text for row in found.rows} == {
        f"kit reproduce --preset paper {row.values[0].text}" for row in found.rows
    }
    front = [row.values for row in choice.on_the_front(found).rows if "gzip" in row.values[-2].text]
    gzip, top1 = ([values[index].number for values in front] for index in (3, 1))
    assert len(front) > 1 and gzip == sorted(gzip, reverse=True) and top1 == sorted(top1, reverse=True)
    several = make(tmp_path / "several", only_mobilenet, seeds=(2, 3))
    assert choice.command(several, Point("mobilenet", 60, "int8")) == "kit compress several mobilenet@2/s60/int8"
    (several.folder / f"{several.preset.name}.toml").touch()
    assert choice.command(several, Point("mobilenet", 60, "int8")).startswith("kit reproduce --preset ")
    assert choice.command(run, Point("mobilenet_v3_small_minimalistic", 0, "int8")) == (
        "kit reproduce --preset paper --all mobilenet_v3_small_minimalistic/s00/int8"
    )
    quantization = replace(run.preset.quantization, calibration_order="canonical")
    other = replace(run, preset=replace(run.preset, quantization=quantization))
    assert choice.command(other, Point("mobilenet", 60, "int8")) == "kit reproduce --preset paper mobilenet/s60/int8"
    assert other.command == f"kit reproduce --preset paper --run {run.folder}", "the archive decides this order"


def test_the_published_value_stands_against_the_mean_and_every_training(tmp_path: Path) -> None:
    run = make(tmp_path, only_mobilenet, seeds=(1, 2, 3))
    figures, _ = every.all_figures(gather(run, *join(run.by_seed()).runs), language("en"))
    data = next(figure.data for figure in figures if figure.key == "published-own")
    rows = [row for row in data if row["quantity"] == "top-1" and row["published"] == 0.7277]
    assert [len(rows), sum("single" in row for row in rows)] == [4, 3]
    mean, *singles = (row.get("own", row.get("single")) for row in rows)
    assert mean == pytest.approx(sum(singles) / 3, abs=1e-3) and len(set(singles)) == 3


def test_figures_are_charts_and_drawn_again_only_if_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make(tmp_path / "run", only_mobilenet, seeds=(1, 2))
    study = join(run.by_seed())
    figures, _ = every.all_figures(gather(run, *study.runs), language("en"))
    for figure in figures:
        alt.FacetChart.from_dict(figure.specification)
    first = pages([run], study, tmp_path, language("en"))
    for path, content in first.items():
        store.write(path, content)
    (tmp_path / "figures" / "pruning.svg").write_text("<svg></svg>")
    drawn: list[str] = []
    usual = engine.svgs

    def watched(specifications: Sequence[Mapping[str, object]], locale: Mapping[str, object]) -> list[str]:
        drawn.extend(str(one["description"]) for one in specifications)
        return usual(specifications, locale)

    monkeypatch.setattr(engine, "svgs", watched)
    assert pages([run], study, tmp_path, language("en")) == first
    assert drawn == ["Pruning as it ran: sparsity of the masks by epoch"]


def test_a_seed_that_has_not_begun_is_missing_not_an_error(kit: Kit) -> None:
    make(kit.folder / "runs" / "run", seeds=(1, 2))
    for folder in (kit.folder / "runs" / "run").glob("*@2"):
        shutil.rmtree(folder)
    kit("report", "run")
    report = (kit.folder / "reports" / "run" / "report.md").read_text()
    assert "mobilenet@2" in report.partition("## ")[0]
