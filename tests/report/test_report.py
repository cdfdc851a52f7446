"""The report says what the records say, and nothing that it was told becomes markup."""

from __future__ import annotations

import html
import json
import re
import shutil
import statistics
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from kit import store
from kit.study.grid import Cell
from tests import made_up
from tests.conftest import Kit
from tests.report.pages import Page, markdown
from tests.shown import number

HOSTILE = "<script>alert(1)</script> | `x`\n# y"

BENCH = "bench.local-litert-xnnpack-t1-trial.json"


@pytest.fixture(scope="module")
def page(smoke: Kit) -> Page:
    return Page((smoke.folder / "reports" / "smoke" / "report.html").read_text())


def recomputed(run: Path, cell: str, record: str) -> list[float]:
    """The figures of the cells table that come from a record, from what is in it and nothing else."""
    values: dict[str, Any] = json.loads((run / record).read_text())["values"]
    stage = Path(record).stem
    if stage in ("train", "prune"):
        parameters = sum(group["parameters"] for group in values["weights"].values())
        zeros = sum(group["zeros"] for group in values["weights"].values())
        return [parameters, parameters - zeros, zeros / parameters]
    if stage == "convert":
        return [(run / cell / "model.tflite").stat().st_size / 1000, values["gzip_bytes"] / 1000]
    if stage == "evaluate":
        right = [sum(row[i] for i, row in enumerate(values[s]["confusion"])) / values[s]["n"] for s in ("test", "train")]
        test = values["test"]
        return [right[0], test["tied"] / test["n"], test["top3_correct"] / test["n"], test["loss_sum"] / test["n"], right[1]]
    medians = [statistics.median(sample["latency_ns"]) / 1000 for sample in values["samples"]]
    grown = [sample["peak_rss_bytes"] - sample["base_rss_bytes"] for sample in values["samples"]]
    return [statistics.median(medians), statistics.median(grown) / 1e6]


def test_every_number_of_the_cells_table_is_the_records(smoke: Kit, page: Page) -> None:
    run = smoke.folder / "runs" / "smoke"
    by_record: dict[tuple[str, str], list[float]] = {}
    for table, cell, record, _, value in page.values:
        if table == "cells":
            by_record.setdefault((cell, record), []).append(value)
    assert len(by_record) == 4 * 4
    for (cell, record), values in by_record.items():
        assert values == pytest.approx(recomputed(run, cell, record), rel=1e-9), (cell, record)


def test_the_text_of_a_number_is_its_value(page: Page) -> None:
    shown = [(text, value) for table, _, _, text, value in page.values if table == "cells"]
    assert len(shown) == 4 * 12
    for text, value in shown:
        digits = len(text.split(" ")[0].partition(".")[2])
        assert number(text) == pytest.approx(value, abs=0.5000001 * 10**-digits)


def test_every_number_leads_to_a_record_of_the_run(smoke: Kit, page: Page) -> None:
    anchors = {attributes.get("id") for _, attributes in page.tags}
    links = [str(a["href"]) for tag, a in page.tags if tag == "a" and str(a.get("href", "")).startswith("#")]
    assert len(links) > 100
    assert {link.removeprefix("#") for link in links} <= anchors
    files = [str(a["href"]) for tag, a in page.tags if tag == "a" and str(a.get("href", "")).startswith("../../runs/")]
    folder = smoke.folder / "reports" / "smoke"
    assert len(files) == 14
    text = (folder / "report.html").read_text()
    for file in files:
        assert store.sha256(folder / file) in text


def test_both_pages_have_the_same_tables(smoke: Kit, page: Page) -> None:
    text = markdown(smoke.folder / "reports" / "smoke")
    for table, cell, _, shown, _ in page.values:
        if table in ("cells", "sizes"):
            assert f"| {shown} |" in text, (table, cell, shown)


def test_what_is_missing_is_shown_as_missing(smoke: Kit) -> None:
    text = markdown(smoke.folder / "reports" / "smoke")
    assert "No model yet: mobilenet@1, mobilenet_v2@1, mobilenet_v3_small@1/s30, mobilenet_v3_small@1/s90." in text
    assert "| mobilenet@1/s00/float32 | – | – |" in text


def test_figures_are_files_beside_the_markdown(smoke: Kit) -> None:
    folder = smoke.folder / "reports" / "smoke"
    images = re.findall(r"!\[(.+?)\]\((figures/.+?\.svg)\)", (folder / "report.md").read_text())
    assert len(images) == 9
    for text, file in images:
        assert len(text) > 10
        assert (folder / file).read_text().startswith("<svg ")


def test_a_figure_without_data_is_left_out_and_named(smoke: Kit, kit: Kit) -> None:
    shutil.copytree(smoke.folder / "runs" / "smoke", kit.folder / "run")
    kit("report", "run")
    assert (kit.folder / "reports" / "run" / "figures" / "latencies.svg").exists()
    for path in (kit.folder / "run").rglob("bench.*.json"):
        path.unlink()
    kit("report", "run")
    text = markdown(kit.folder / "reports" / "run")
    assert "Not drawn, because there is no data: latencies (needs \\`kit bench\\`)" in text
    assert not (kit.folder / "reports" / "run" / "figures" / "latencies.svg").exists()


def test_the_page_needs_nothing_from_elsewhere(page: Page) -> None:
    sources = [a.get(name) for _, a in page.tags for name in ("src", "srcset", "data") if a.get(name)]
    assert not sources
    assert not [a for tag, a in page.tags if tag in ("link", "base", "iframe", "object", "embed")]
    policy = next(str(a["content"]) for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "http" not in policy


def test_images_are_shown_only_if_asked_for(smoke: Kit) -> None:
    smoke("report", "smoke", "--images", "--reports", "with-images")
    asked, usual = ((smoke.folder / name / "smoke" / "report.html").read_text() for name in ("with-images", "reports"))
    (shots,) = re.findall(r'<ul class="shots">(.*?)</ul>', asked)
    assert shots.count('<img src="data:image/png;base64,') == shots.count("<li>") > 0
    assert '<img src="data:' not in usual and "kit report smoke --images" in usual
    assert "no digits in elsewhere: get it with `kit data digits`" in smoke(
        "report", "smoke", "--images", "--data", "elsewhere", code=1
    )


def test_hostile_text_stays_text(smoke: Kit, kit: Kit) -> None:
    run = kit.folder / "run"
    shutil.copytree(smoke.folder / "runs" / "smoke", run)
    for path in run.glob("mobilenet_v3_small@1/**/*.json"):
        record = json.loads(path.read_text())
        record["environment"]["processor"] = HOSTILE
        path.write_text(json.dumps(record))
    kit("report", "run")
    page = (kit.folder / "reports" / "run" / "report.html").read_text()
    assert "<script>alert" not in page
    assert html.escape("<script>alert(1)</script>", quote=False) in page
    text = markdown(kit.folder / "reports" / "run")
    assert "<script" not in text and "\n# y" not in text
    assert "alert(1)" in text


def test_several_runs_stand_side_by_side(kit: Kit) -> None:
    gzip_kb = {1: 1036.8, 2: 1038.8}

    def figures(cell: Cell) -> made_up.Figures | None:
        usual = made_up.like_the_study(cell)
        own = replace(usual, gzip_bytes=round(1000 * gzip_kb[cell.seed]))
        return own if cell.architecture == "mobilenet_v3_small" else None

    for seed, name in ((1, "one"), (2, "two")):
        made_up.make(kit.folder / "runs" / name, figures, seed=seed)
    kit("report", "one", "two")
    text = markdown(kit.folder / "reports" / "one+two")
    assert "| claim | one | two |" in text
    assert "| mobilenet_v3_small/s60/int8 | 1,036.8 | 1,038.8 |" in text
    assert "1,037.8 ± 1.4 (n = 2)" in text
    page = Page((kit.folder / "reports" / "one+two" / "report.html").read_text())
    anchors = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(anchors) == len(set(anchors))


def test_what_was_emulated_or_is_not_valid_says_so(smoke: Kit, kit: Kit) -> None:
    run = kit.folder / "run"
    shutil.copytree(smoke.folder / "runs" / "smoke", run)
    cell = run / "mobilenet_v3_small@1" / "s00" / "float32"
    for path in run.rglob(BENCH):
        record = json.loads(path.read_text())
        record["values"] |= {"origin": "emulated"}
        path.write_text(json.dumps(record))
    record = json.loads((cell / BENCH).read_text())
    record["values"] |= {"origin": "device", "device": {"model": "Raspberry Pi 4 Model B"}}
    record["values"] |= {"validity": "invalid", "invalid_reasons": ["throttled | twice"]}
    (cell / "bench.pi4-tflite-t1.json").write_text(json.dumps(record))
    kit("report", "run")
    text = markdown(kit.folder / "reports" / "run")
    shown = next(line for line in text.splitlines() if line.startswith("| mobilenet_v3_small@1/s00/float32 | 1,540,218"))
    assert "(emulated)" in shown
    benches = [
        line for line in text.splitlines() if line.startswith("| mobilenet_v3_small@1/s00/float32 |") and "✓ yes" in line
    ]
    assert any("an emulated processor" in line for line in benches)
    assert "✗ no: throttled \\| twice" in text


def test_twice_gives_the_same_bytes(smoke: Kit) -> None:
    folder = smoke.folder / "reports" / "smoke"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    smoke("report", "smoke")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_run_without_results_says_so(kit: Kit) -> None:
    (kit.folder / "run").mkdir()
    from kit.runs.run import create
    from kit.study.preset import load

    create(Path(kit.folder / "run"), load("smoke"))
    assert "run has no results yet: run `kit reproduce --preset" in kit("report", "run", code=1)
    assert not (kit.folder / "reports").exists()
