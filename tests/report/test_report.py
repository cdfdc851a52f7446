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

from kit.records import store
from tests.conftest import Kit
from tests.report.pages import Page

HOSTILE = "<script>alert(1)</script> | `x`\n# y"


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
        return [right[0], test["top3_correct"] / test["n"], test["loss_sum"] / test["n"], right[1]]
    pooled = [ns / 1000 for sample in values["samples"] for ns in sample["latency_ns"]]
    grown = [sample["peak_rss_bytes"] - sample["base_rss_bytes"] for sample in values["samples"]]
    return [statistics.median(pooled), statistics.median(grown) / 1e6]


def test_every_number_of_the_cells_table_is_the_records(smoke: Kit, page: Page) -> None:
    run = smoke.folder / "runs" / "smoke"
    by_record: dict[tuple[str, str], list[float]] = {}
    for table, cell, record, _, value in page.values:
        if table == "cells":
            by_record.setdefault((cell, record), []).append(value)
    assert len(by_record) == 4 * 4
    for (cell, record), values in by_record.items():
        assert values == pytest.approx(recomputed(run, cell, record), rel=1e-12), (cell, record)


def test_the_text_of_a_number_is_its_value(page: Page) -> None:
    shown = [(text, value) for table, _, _, text, value in page.values if table == "cells"]
    assert len(shown) == 4 * 11
    for text, value in shown:
        number = text.split(" ")[0].replace(",", "")
        digits = len(number.partition(".")[2])
        assert float(number) == pytest.approx(value, abs=0.5000001 * 10**-digits)


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
    markdown = (smoke.folder / "reports" / "smoke" / "report.md").read_text()
    for table, cell, _, text, _ in page.values:
        if table in ("cells", "sizes"):
            assert re.search(rf"\| {re.escape(text)} \|", markdown), (table, cell, text)


def test_what_is_missing_is_shown_as_missing(smoke: Kit) -> None:
    text = (smoke.folder / "reports" / "smoke" / "report.md").read_text()
    assert "Incomplete cells: mobilenet/s00/float32" in text
    assert "| mobilenet/s00/float32 | – | – |" in text


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
    for path in (kit.folder / "run").rglob("bench.json"):
        path.unlink()
    kit("report", "run")
    text = (kit.folder / "reports" / "run" / "report.md").read_text()
    assert "Not drawn, because there is no data: accuracy against latency (needs \\`kit bench\\`)" in text
    assert not (kit.folder / "reports" / "run" / "figures" / "latencies.svg").exists()


def test_the_page_needs_nothing_from_elsewhere(page: Page) -> None:
    sources = [a.get(name) for _, a in page.tags for name in ("src", "srcset", "data") if a.get(name)]
    assert not sources
    assert not [a for tag, a in page.tags if tag in ("link", "base", "iframe", "object", "embed")]
    policy = next(str(a["content"]) for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "http" not in policy


def test_hostile_text_stays_text(smoke: Kit, kit: Kit) -> None:
    run = kit.folder / "run"
    shutil.copytree(smoke.folder / "runs" / "smoke", run)
    for path in run.glob("mobilenet_v3_small/**/*.json"):
        record = json.loads(path.read_text())
        record["environment"]["processor"] = HOSTILE
        path.write_text(json.dumps(record))
    kit("report", "run")
    page = (kit.folder / "reports" / "run" / "report.html").read_text()
    assert "<script>alert" not in page
    assert html.escape("<script>alert(1)</script>", quote=False) in page
    markdown = (kit.folder / "reports" / "run" / "report.md").read_text()
    assert "<script" not in markdown and "\n# y" not in markdown
    assert "alert(1)" in markdown


def test_several_runs_stand_side_by_side(smoke: Kit, kit: Kit) -> None:
    for seed, name in ((1, "one"), (2, "two")):
        shutil.copytree(smoke.folder / "runs" / "smoke", kit.folder / "runs" / name)
        preset = kit.folder / "runs" / name / "preset.json"
        preset.write_text(json.dumps(json.loads(preset.read_text()) | {"seed": seed}))
    changed = kit.folder / "runs" / "two" / "mobilenet_v3_small" / "s60" / "int8" / "convert.json"
    record = json.loads(changed.read_text())
    first = record["values"]["gzip_bytes"]
    record["values"]["gzip_bytes"] = first + 2000
    changed.write_text(json.dumps(record))
    kit("report", "one", "two")
    text = (kit.folder / "reports" / "one+two" / "report.md").read_text()
    assert "| claim | one | two |" in text
    both = f"| {first / 1000:,.1f} | {(first + 2000) / 1000:,.1f} |"
    assert f"| mobilenet_v3_small/s60/int8 {both}" in text
    assert f"{first / 1000 + 1:,.1f} ± {2**0.5:,.1f} (n = 2)" in text
    page = Page((kit.folder / "reports" / "one+two" / "report.html").read_text())
    anchors = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(anchors) == len(set(anchors))


def test_what_was_emulated_or_is_not_valid_says_so(smoke: Kit, kit: Kit) -> None:
    run = kit.folder / "run"
    shutil.copytree(smoke.folder / "runs" / "smoke", run)
    cell = run / "mobilenet_v3_small" / "s00" / "float32"
    record = json.loads((cell / "bench.json").read_text())
    record["values"] |= {"origin": "emulated"}
    (cell / "bench.json").write_text(json.dumps(record))
    record["values"] |= {"origin": "device", "device": {"model": "Raspberry Pi 4 Model B"}}
    record["values"] |= {"validity": {"state": "INVALID", "reasons": ["throttled | twice"]}}
    (cell / "bench.pi4-tflite-t1.json").write_text(json.dumps(record))
    kit("report", "run")
    text = (kit.folder / "reports" / "run" / "report.md").read_text()
    shown = next(line for line in text.splitlines() if line.startswith("| mobilenet_v3_small/s00/float32 | 1,540,218"))
    assert "(emulated)" in shown
    benches = [
        line for line in text.splitlines() if line.startswith("| mobilenet_v3_small/s00/float32 |") and "✓ yes" in line
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
    from kit.records.run import create
    from kit.study.preset import load

    create(Path(kit.folder / "run"), load("smoke"))
    assert "run has no results yet: run `kit reproduce` first" in kit("report", "run", code=1)
    assert not (kit.folder / "reports").exists()
