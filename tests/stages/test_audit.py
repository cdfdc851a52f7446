"""The audit of an int8 file, through `kit audit`: which layers are off, and what float ones give back."""

from __future__ import annotations

import json
import re
import shutil
from typing import Any

import pytest
from msgspec import convert, inspect

from kit.stages.audited import AuditValues, Layer, ranked, sections, with_inputs
from tests.conftest import Kit
from tests.test_docs import struct_keys, value_keys

CELL = "mobilenet_v3_small@1/s60/int8"


@pytest.fixture(scope="module")
def audited(smoke: Kit, tmp_path_factory: pytest.TempPathFactory) -> tuple[Kit, str]:
    """A copy of the smoke run with one cell audited, and what that printed."""
    kit = Kit(tmp_path_factory.mktemp("audited"))
    shutil.copytree(smoke.folder / "runs" / "smoke", kit.folder / "runs" / "smoke")
    return kit, kit("audit", "smoke", CELL)


def values(kit: Kit, stage: str, cell: str = CELL) -> dict[str, Any]:
    return dict(json.loads((kit.folder / "runs" / "smoke" / cell / f"{stage}.json").read_text())["values"])


def test_its_ends_are_the_files_of_the_run(audited: tuple[Kit, str]) -> None:
    kit, _ = audited
    found = values(kit, "audit")
    places = range(len(found["layers"]))
    for kind, in_float, cell in (("int8", [], CELL), ("float32", list(places), CELL.replace("int8", "float32"))):
        assert found[kind]["in_float"] == found[kind]["layers"] == in_float
        assert found[kind]["size_bytes"] == values(kit, "convert", cell)["size_bytes"]
        counted = values(kit, "evaluate", cell)["test"]
        assert found[kind]["n"] == counted["n"] == 360
        assert found[kind]["top1_correct"] == pytest.approx(sum(row[i] for i, row in enumerate(counted["confusion"])))


def test_the_worst_layers_and_each_section_are_left_in_float(audited: tuple[Kit, str]) -> None:
    kit, _ = audited
    found = values(kit, "audit")
    assert [len(trial["layers"]) for trial in found["worst"]] == [1, 2, 4, 8]
    assert [place for trial in found["sections"] for place in trial["layers"]] == list(range(len(found["layers"])))
    sizes = [trial["size_bytes"] for trial in found["worst"]]
    assert max(sizes) == sizes[-1] and found["int8"]["size_bytes"] < sizes[-1] < found["float32"]["size_bytes"]
    for trial in found["worst"] + found["sections"]:
        read = {source for place in trial["layers"] for source in found["layers"][place]["inputs"]}
        assert set(trial["in_float"]) == read | set(trial["layers"])
    heaviest = max(found["sections"], key=lambda trial: trial["size_bytes"])
    assert heaviest["size_bytes"] > found["int8"]["size_bytes"] + 500_000, "its weights are float32"


def test_every_layer_of_the_file_is_there_with_its_errors(audited: tuple[Kit, str]) -> None:
    kit, _ = audited
    found, contents = values(kit, "audit"), values(kit, "evaluate")["contents"]
    assert found["calibration_images"] == 100
    layers = found["layers"]
    for operator in ("CONV_2D", "DEPTHWISE_CONV_2D", "HARD_SWISH", "ADD"):
        own = [layer for layer in layers if layer["operator"] == operator]
        assert len(own) == contents["operators"][operator]["int8"]
        has_weights = operator.endswith("CONV_2D")
        assert all((0 < layer["weights_error"] < 0.05) if has_weights else "weights_error" not in layer for layer in own)
    assert all(0 <= layer["own_error"] < 1 and layer["step"] > 0 for layer in layers)
    assert all(source < place for place, layer in enumerate(layers) for source in layer["inputs"])
    later = layers[len(layers) // 2 :]
    assert sum(layer["accumulated_error"] for layer in later) > sum(layer["own_error"] for layer in later)
    assert set(value_keys(found)) == set(struct_keys(inspect.type_info(AuditValues)))


def test_the_terminal_and_the_report_answer_which_layer_it_is(audited: tuple[Kit, str]) -> None:
    kit, said = audited
    found = convert(values(kit, "audit"), AuditValues)
    label = found.layers[ranked(found.layers)[0]].label
    assert f"the worst 1, with {label}" in said
    kit("report", "smoke")
    folder = kit.folder / "reports" / "smoke"
    assert f"the worst 1, with {label}" in (folder / "details" / "int8-layers-in-float.md").read_text()
    shown = (folder / "report.md").read_text().partition("## Where int8 loses accuracy")[2]
    best = max(found.sections, key=lambda trial: trial.top1)
    lost, back = (100 * (trial.top1 - found.int8.top1) for trial in (found.float32, best))
    section = f"{found.layers[best.layers[0]].label} to {found.layers[best.layers[-1]].label}"
    assert re.search(rf"\| {re.escape(f'{lost:+.2f} | {back:+.2f} | {section} |')}", shown)
    assert (kit.folder / "reports" / "smoke" / "figures" / "int8-by-layer.svg").is_file()
    assert "all 15 records hold" in kit("verify", "smoke")


def test_the_worst_layer_is_where_the_error_grows() -> None:
    def layer(error: float, *inputs: int) -> Layer:
        return Layer(name="a", operator="ADD", own_error=0.1, accumulated_error=error, step=1.0, inputs=inputs)

    layers = (layer(0.02), layer(0.05, 0), layer(0.5, 1), layer(0.51, 2), layer(0.1, 3, 1))
    assert ranked(layers) == [2, 1, 0, 3, 4]
    assert with_inputs(layers, [2, 4]) == (1, 2, 3, 4)
    assert [list(part) for part in sections(layers, 2)] == [[0, 1], [2, 3, 4]]
    assert len(sections(layers, 9)) == 5


def test_it_is_done_on_demand_only(audited: tuple[Kit, str]) -> None:
    kit, _ = audited
    from kit.study import preset

    text = preset.resources.files("kit.study.presets").joinpath("smoke.toml").read_text()
    assert "audit" not in kit("reproduce", "--preset", "smoke", "--dry-run", CELL)
    (kit.folder / "asking.toml").write_text(
        text.replace("seeds = [1]", "seeds = [1, 2]") + "\n[audit]\nworst_layers = [3]\n"
    )
    said = kit("reproduce", "--preset", "asking.toml", "--dry-run", "mobilenet_v3_small/s60", "mobilenet_v3_small/s00")
    audits = [line.partition(":")[0] for line in said.splitlines() if line.startswith("audit")]
    assert audits == ["audit mobilenet_v3_small@1/s00/int8", "audit mobilenet_v3_small@1/s60/int8"]


def test_a_layer_has_a_name_that_people_know() -> None:
    def label(name: str) -> str:
        return Layer(name=name, operator="MUL", own_error=0.0, accumulated_error=0.0, step=1.0, inputs=()).label

    assert label("efficientnetb0/rescaling/mul") == "rescaling"
    fused = "a/re_lu_1/Relu;a/block/depthwise/BatchNorm/FusedBatchNormV3;a/block/depthwise/depthwise2"
    assert label(fused) == "block/depthwise"
    assert label("a/re_lu_3/Relu;a/expanded_conv_1/expand/Conv2D") == "expanded_conv_1/expand"
    assert label("Identity") == "Identity"
