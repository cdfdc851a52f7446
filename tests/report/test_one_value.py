"""One latency and one peak memory of a cell: every table, figure, verdict, file and line has the same ones."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kit.analysis.claims.decide import decide
from kit.analysis.evidence import RunEvidence
from kit.analysis.material import gather
from kit.analysis.results import results
from kit.analysis.summary import join, one_run
from kit.bench.campaign import TargetResult
from kit.bench.measure import BenchSeries
from kit.bench.request import Target
from kit.bench.values import BenchSettings, BenchValues
from kit.report.export import exports
from kit.report.figures import cost, front
from kit.report.language import language
from kit.report.render import pages
from kit.report.tables import cells
from kit.report.terminal import tables
from kit.runs.record import read_record
from kit.runs.run import Run
from kit.study import architectures, protocols
from kit.study.grid import Cell
from tests.made_up import like_the_study, make, values
from tests.report.pages import Page

CELL = Cell("efficientnet_b0", 1, 0, "float32")
BOTH = (
    "results.csv", "results.json, cells", "results.json, benches", "results.json, comparisons", "report.html, cells",
    "report.html, benches", "figure quantization", "report.md", "terminal, kit report", "terminal, kit bench",
)  # fmt: skip
PLACES = {(what, where) for what in ("latency", "memory") for where in BOTH} | {
    ("latency", "verdict on claim 3"),
    ("latency", "figure which-network"),
}
SHOWN = re.compile(r"[\d,]+(\.\d+)?")


def skewed(cell: Cell) -> dict[str, dict[str, Any]]:
    """Processes that differ, and inferences with a tail: pooled median, mean of medians and median of medians disagree."""
    made = values(like_the_study(cell), "device")
    for process, sample in enumerate(made["samples"]):
        sample["latency_ns"] = [round(ns * (1 + 0.1 * process**2) * (1.5 if i % 3 == 0 else 1)) for i, ns in
                                enumerate(sample["latency_ns"])][: 50 - 6 * process]  # fmt: skip
        sample["peak_rss_bytes"] += 500_000 * process**2
    return {"bench.pi.json": made}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make(tmp_path_factory.mktemp("one") / "made-up", bench=skewed)


def near(text: str) -> float:
    found = SHOWN.match(text.strip())
    assert found, text
    return float(found[0].replace(",", ""))


def test_no_two_values_for_one_thing(run: Run, tmp_path: Path) -> None:
    (r,) = [one for one in results(run) if one.cell == CELL]
    assert r.latency and r.memory
    exact = {"latency": r.latency.value, "memory": r.memory.value / 1e6}
    shown, texts = [*exactly(run, tmp_path), *drawn(run)], [*written(run, tmp_path), *terminal(run)]
    assert {(what, where) for what, where, _ in (*shown, *texts)} == PLACES
    for what, where, value in shown:
        digits = 1e-5 if "comparisons" in where or "verdict" in where else 1e-9  # a test knows six of them
        assert value == pytest.approx(exact[what], rel=digits), where
    for what, where, text in texts:
        assert near(text) == pytest.approx(exact[what], abs=0.5000001 if what == "latency" else 0.005001), (where, text)


def exactly(run: Run, tmp_path: Path) -> Iterator[tuple[str, str, float]]:
    files = exports.files([run], join([run]), tmp_path)
    by_name = {path.name: content for path, content in files.items()}
    rows = csv.DictReader(by_name["results.csv"].decode().splitlines())
    row = next(row for row in rows if row["cell"] == CELL.name)
    reported = json.loads(by_name["results.json"])["runs"][0]
    for where, found in (
        ("results.csv", row),
        ("results.json, cells", next(one for one in reported["cells"] if one["cell"] == CELL.name)),
        ("results.json, benches", next(one for one in reported["benches"] if one["cell"] == CELL.name)),
    ):
        yield "latency", where, float(found["latency_us"])
        yield "memory", where, float(found["memory_bytes"]) / 1e6
    for comparison in reported["comparisons"]:
        if comparison["cell"] == CELL.name and comparison["quantity"] == "latency_us":
            yield "latency", "results.json, comparisons", comparison["own"]
        if comparison["cell"] == CELL.name and comparison["quantity"] == "memory_mib":
            yield "memory", "results.json, comparisons", comparison["own"] * 2**20 / 1e6
    large = next(one for one in results(run) if one.cell == Cell("mobilenet_v3_large", 1, 0, "float32"))
    assert large.latency
    slow = next(verdict for verdict in decide(RunEvidence(run)) if verdict.number == 3)
    yield "latency", "verdict on claim 3", slow.evidence[0].value * large.latency.value
    page = Page(html(run, tmp_path))
    for table, cell, record, _, value in page.values:
        if cell == CELL.name and "bench" in record and table in ("cells", "benches"):
            yield "latency" if value > 1000 else "memory", f"report.html, {table}", value


def html(run: Run, tmp_path: Path) -> str:
    made = pages([run], join([run]), tmp_path, language("en"))
    return next(content.decode() for path, content in made.items() if path.name == "report.html")


def drawn(run: Run) -> Iterator[tuple[str, str, float]]:
    """What figures are drawn from."""
    material, english = gather(run, one_run(run)), language("en")
    label = architectures.get(CELL.architecture).label
    chosen = front.which_network(material, english)
    assert chosen
    for row in chosen.data:
        place = (row["architecture"], row["sparsity"], row["precision"], row["kind"])
        if place == (label, "0 %", "float32", "latency, µs"):
            yield "latency", "figure which-network", row["cost"]
    quantized = cost.by_quantization(material, english)
    assert quantized
    for row in quantized.data:
        if row["architecture"] == label and row["source"] == "this run" and row["metric"] == "latency, µs":
            yield "latency", "figure quantization", row["before"]
        if row["architecture"] == label and row["source"] == "this run" and row["metric"] == "peak memory, MB":
            yield "memory", "figure quantization", row["before"]


def written(run: Run, tmp_path: Path) -> Iterator[tuple[str, str, str]]:
    made = pages([run], join([run]), tmp_path, language("en"))
    text = "\n".join(content.decode() for path, content in made.items() if path.suffix == ".md")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith(f"| {CELL.name} |")]
    headers = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| cell |")]
    for header in headers:
        for row in rows:
            if len(row) == len(header):
                for name, value in zip(header, row, strict=True):
                    if name.startswith("latency µs"):
                        yield "latency", "report.md", value
                    if name.startswith("peak memory MB"):
                        yield "memory", "report.md", value
    shown = cells.summary(results(run), language("en"))
    (row,) = [row for row in shown.texts() if row[0] == CELL.name]
    yield "latency", "terminal, kit report", row[-2]
    yield "memory", "terminal, kit report", row[-1]


def terminal(run: Run) -> Iterator[tuple[str, str, str]]:
    record = read_record(run.path(CELL, "bench.pi.json"))
    settings, found = msgspec.convert(record.settings, BenchSettings), msgspec.convert(record.values, BenchValues)
    series = BenchSeries(protocols.get(settings.protocol), settings.interpreter, settings.delegate, settings.threads)
    target = Target(CELL.name, run.path(CELL, "model.tflite"), CELL)
    path = run.relative(run.path(CELL, "bench.pi.json"))
    (made,) = tables([TargetResult("pi", series, target, settings, found, path)])
    (row,) = made.rows
    (r,) = [one for one in results(run) if one.cell == CELL]
    assert r.latency and r.latency.interval
    low, high = r.latency.interval
    assert row[1].partition(" [")[2] == f"{low:,.0f}, {high:,.0f}]", "and the same interval"
    yield "latency", "terminal, kit bench", row[1]
    yield "memory", "terminal, kit bench", row[5]
