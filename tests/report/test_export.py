"""What `kit report` leaves for other programs, and what several runs give together."""

from __future__ import annotations

import csv
import hashlib
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest
from msgspec.structs import replace

from kit.analysis.schema import Row
from kit.analysis.sequential import nominal
from kit.analysis.summary import join
from kit.errors import KitError
from kit.report.export import exports
from kit.runs import looks
from kit.study.grid import Cell, named
from tests.conftest import Kit
from tests.made_up import Figures, like_the_study, make, values
from tests.report.pages import Page, markdown

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """A folder with a made-up run and what `kit report` wrote of it."""
    kit = Kit(tmp_path_factory.mktemp("reported"))
    make(kit.folder / "run")
    kit("report", "run")
    return kit


def test_twice_the_same_bytes(reported: Kit) -> None:
    paths = [path for path in reported.folder.rglob("*") if path.is_file()]
    before = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    reported("report", "run")
    assert before == {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_the_csv_has_a_row_a_cell_with_the_records_figures(reported: Kit) -> None:
    with (reported.folder / "reports" / "run" / "results.csv").open() as stream:
        rows = {row["cell"]: row for row in csv.DictReader(stream)}
    assert len(rows) == 56
    row, usual = rows["mobilenet_v2@1/s00/int8"], like_the_study(Cell("mobilenet_v2", 1, 0, "int8"))
    assert int(row["size_bytes"]) == usual.size_bytes
    assert float(row["top1"]) == pytest.approx(0.7507, abs=1e-3)
    assert float(row["latency_us"]) == pytest.approx(usual.latency_us, rel=0.01)
    assert (row["origin"], row["device"], row["inferences"]) == ("device", "Raspberry Pi 4 Model B", "250")


def test_the_json_fits_its_schema_and_the_schema_is_the_documented_one(reported: Kit) -> None:
    folder = reported.folder / "reports" / "run"
    results, schema = (json.loads((folder / name).read_text()) for name in ("results.json", "results.schema.json"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(results, schema)
    verdicts = results["runs"][0]["verdicts"]
    assert {verdict["on_images"] or verdict["outcome"] for verdict in verdicts} == {"reproduced"} and len(verdicts) == 30
    assert {verdict["outcome"] for verdict in verdicts if verdict["level"] == "one_training"} == {"one_training"}
    assert verdicts[3]["reason"].startswith("The files shrink 3.11 to 3.55 times.")
    assert (ROOT / "reports" / "results.schema.json").read_bytes() == exports.schema()
    results["runs"][0]["cells"][0]["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(results, schema)


def test_all_56_published_cells_stand_beside_the_own_ones(reported: Kit) -> None:
    folder = reported.folder / "reports" / "run"
    page = Page((folder / "report.html").read_text())
    beside = {cell for table, cell, *_ in page.values if table == "beside"}
    assert len(beside) == 56
    text = markdown(folder)
    assert " | 0.2052 ✓ | " in text, "the minimalistic MobileNetV3 Large at 90 % in int8"
    assert "a day later than all others" in text
    figure = (folder / "figures" / "published-own.svg").read_text()
    assert figure.startswith("<svg ")


def test_every_column_is_documented() -> None:
    text = (ROOT / "reports" / "README.md").read_text()
    for column in Row.__struct_fields__:
        assert f"| `{column}` |" in text
    described = json.loads(exports.schema())["$defs"]["Row"]["properties"]
    for column in Row.__struct_fields__:
        assert described[column]["description"] in text


def entities(folder: Path) -> dict[str, dict[str, Any]]:
    graph = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
    assert len({entity["@id"] for entity in graph}) == len(graph)
    return {entity["@id"]: entity for entity in graph}


def test_the_crate_names_what_is_there_by_its_hash(reported: Kit) -> None:
    run = reported.folder / "run"
    found = entities(run)
    parts = {part["@id"] for part in found["./"]["hasPart"]}
    files = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert files - {"ro-crate-metadata.json"} == set(map(unquote, parts))
    for name in parts:
        assert found[name]["sha256"] == hashlib.sha256((run / unquote(name)).read_bytes()).hexdigest()
    assert found["./"]["datePublished"] == "2021-03-31T12:00:01+00:00"
    assert found["ro-crate-metadata.json"]["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}


def test_the_crate_of_a_real_run_tells_what_was_made_from_what(smoke: Kit) -> None:
    run = smoke.folder / "runs" / "smoke"
    found = entities(run)
    action = found["#mobilenet_v3_small@1/s60/int8/convert"]
    assert action["object"] == [
        {"@id": "#dataset-test"},
        {"@id": "#dataset-train"},
        {"@id": "mobilenet_v3_small%401/s60/weights.safetensors"},
    ]
    assert {"@id": "mobilenet_v3_small%401/s60/int8/model.tflite"} in action["result"]
    (bench,) = (name for name in found if name.startswith("#mobilenet_v3_small@1/s60/int8/bench."))
    assert found[bench]["object"] == {"@id": "mobilenet_v3_small%401/s60/int8/model.tflite"}
    for entity in found.values():
        for value in entity.values():
            for link in value if isinstance(value, list) else [value]:
                if isinstance(link, dict) and not link["@id"].startswith("http"):
                    assert link["@id"] in found
    for part in found["./"]["hasPart"]:
        assert (run / unquote(part["@id"])).is_file()


def test_a_run_without_results_leaves_nothing(kit: Kit) -> None:
    from kit.runs.run import create
    from kit.study.preset import load

    create(kit.folder / "run", load("smoke"))
    assert "run has no results yet" in kit("report", "run", code=1)
    assert [path.name for path in kit.folder.rglob("*") if path.is_file()] == ["preset.json"]


def test_runs_that_differ_in_the_seed_give_mean_and_deviation(tmp_path: Path) -> None:
    raised = {1: 0.0, 2: 0.01, 3: 0.05}

    def figures(seed: int, cell: Cell) -> Figures:
        usual = like_the_study(cell)
        return replace(usual, top1=tuple(value + raised[seed] for value in usual.top1 or ()))

    runs = [make(tmp_path / f"seed{seed}", lambda cell, s=seed: figures(s, cell), seed=seed) for seed in raised]  # type: ignore[misc]
    study = join(runs)
    assert [run.name for run in study.runs] == ["seed1", "seed2", "seed3"]
    found = next(s for s in study.seeds if (s.cell, s.metric) == ("mobilenet_v2/s00/float32", "top1"))
    top1 = [next(row.top1 for row in run.cells if named(row.cell).point.name == found.cell) for run in study.runs]
    assert (found.n, found.runs) == (3, ("seed1", "seed2", "seed3"))
    assert found.mean == pytest.approx(statistics.mean(top1))  # type: ignore[type-var]
    assert found.deviation == pytest.approx(statistics.stdev(top1))  # type: ignore[type-var]


def test_runs_that_differ_in_more_than_the_seed_are_not_averaged(tmp_path: Path) -> None:
    runs = [make(tmp_path / "a", seed=1), make(tmp_path / "b", seed=2, dataset="digits")]
    assert join(runs).seeds == ()
    assert join([make(tmp_path / "c", seed=1), make(tmp_path / "d", seed=1)]).seeds == ()


def test_a_run_and_its_copy_count_as_one_training(tmp_path: Path) -> None:
    runs = [make(tmp_path / name, seed=seed) for name, seed in (("run", 1), ("copy", 1), ("other", 2))]
    study = join(runs)
    assert {(found.n, found.runs) for found in study.seeds if found.metric == "top1"} == {(2, ("run", "other"))}
    assert "copy/mobilenet@1/s00" in study.trainings[0].left_out


def only(*architectures: str) -> Callable[[Cell], Figures | None]:
    return lambda cell: like_the_study(cell) if cell.architecture in architectures else None


@pytest.mark.parametrize("first", ["part", "whole"])
def test_of_two_runs_with_a_training_in_common_the_others_count_in_any_order(tmp_path: Path, first: str) -> None:
    two = only("mobilenet", "mobilenet_v2")
    runs = {"part": make(tmp_path / "part", only("mobilenet"), seed=2), "whole": make(tmp_path / "whole", two, seed=2)}
    order = [runs.pop(first), *runs.values(), make(tmp_path / "one", two, seed=1)]
    study = join(order)
    (group,) = study.trainings
    assert group.left_out == (f"{order[1].name}/mobilenet@2/s00",)
    counts = {one.cell: one.n for one in study.seeds if one.metric == "top1"}
    assert set(counts.values()) == {2} and len(counts) == 2 * 8
    assert {one.n for one in group.forecasts} == {2}


def test_of_a_training_in_several_runs_the_one_with_the_most_patience_counts(tmp_path: Path) -> None:
    def worse(cell: Cell) -> Figures:
        usual = like_the_study(cell)
        return replace(usual, top1=tuple(value - 0.1 for value in usual.top1 or ()))

    hasty = make(tmp_path / "hasty", worse, seeds=(2, 3), patience_epochs=20)
    whole, patient = make(tmp_path / "whole"), make(tmp_path / "patient", only("mobilenet"), seed=2)
    study = join([whole, *hasty.by_seed(), patient])
    (group,) = study.trainings
    assert group.patience_epochs == (50, 20, 20, 50) and group.longest_wait_epochs == 1
    assert group.left_out == ("hasty@2/mobilenet@2/s00",)
    found = {one.cell: one for one in study.seeds if one.metric == "top1"}
    assert found["mobilenet/s90/int8"].runs == ("whole", "hasty@3", "patient")
    assert found["mobilenet_v2/s90/int8"].runs == ("whole", "hasty@2", "hasty@3")


def test_two_runs_of_one_name_are_refused(tmp_path: Path) -> None:
    runs = [make(tmp_path / folder / "run", only(), seed=seed) for seed, folder in enumerate(("a", "b"), 1)]
    with pytest.raises(KitError, match="two runs are called run"):
        join(runs)


def test_a_run_of_several_seeds_shows_its_own_trainings_beside_others(tmp_path: Path) -> None:
    """What all trainings say together stands above; its section is as it is alone. A plan for it holds for all."""
    figures = only("mobilenet", "mobilenet_v2")
    run, other = make(tmp_path / "run", figures, seeds=(1, 2, 3)), make(tmp_path / "other", figures, seed=4)
    looks.keep(run.folder, looks.planned(("overfitting",), 10))
    alone, both = join(run.by_seed()), join([*run.by_seed(), other])
    own = both.of(both.runs[:3])
    assert own == alone.of(alone.runs) == alone.trainings[0]
    assert (own.runs, both.trainings[0].runs) == (("run@1", "run@2", "run@3"), ("run@1", "run@2", "run@3", "other"))
    assert {verdict.trainings for verdict in own.verdicts} == {None, 3}
    levels = [
        next(verdict.level_spent for verdict in study.trainings[0].verdicts if verdict.key == "overfitting")
        for study in (alone, both)
    ]
    assert levels == pytest.approx(nominal(tuple(range(3, 11)))[:2])


def test_times_of_two_devices_are_not_averaged(tmp_path: Path) -> None:
    def on(model: str):  # type: ignore[no-untyped-def]
        return lambda cell: {"bench.pi.json": values(like_the_study(cell), "device", model=model)}

    runs = [
        make(tmp_path / "a", seed=1, bench=on("Raspberry Pi 4")),
        make(tmp_path / "b", seed=2, bench=on("Raspberry Pi 5")),
    ]
    metrics = {found.metric for found in join(runs).seeds}
    assert "top1" in metrics and not metrics & {"latency_us", "memory_bytes"}
