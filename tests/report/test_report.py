"""The report says what the records say, and nothing that it was told becomes markup."""

import html
import json
import shutil
from pathlib import Path

from tests.conftest import Kit

HOSTILE = "<script>alert(1)</script> | `x`\n# y"


def test_the_tables_hold_the_records_numbers(smoke: Kit) -> None:
    folder = smoke.folder / "runs" / "smoke" / "mobilenet_v3_small" / "s60" / "int8"
    evaluated = json.loads((folder / "evaluate.json").read_text())["values"]["test"]
    converted = json.loads((folder / "convert.json").read_text())["values"]
    row = next(
        line
        for line in (smoke.folder / "reports" / "smoke" / "report.md").read_text().splitlines()
        if line.startswith("| mobilenet_v3_small/s60/int8 ")
    )
    top1 = sum(counts[i] for i, counts in enumerate(evaluated["confusion"])) / evaluated["n"]
    for figure in (
        f"{top1:.4f}",
        f"{evaluated['top3_correct'] / evaluated['n']:.4f}",
        f"{evaluated['loss_sum'] / evaluated['n']:.3f}",
        f"{(folder / 'model.tflite').stat().st_size / 1000:,.1f}",
        f"{converted['gzip_bytes'] / 1000:,.1f}",
    ):
        assert figure in row


def test_what_is_missing_is_shown_as_missing(smoke: Kit) -> None:
    text = (smoke.folder / "reports" / "smoke" / "report.md").read_text()
    assert "Incomplete cells: mobilenet/s00/float32" in text
    assert "| mobilenet/s00/float32 | – | – |" in text


def test_hostile_text_stays_text(smoke: Kit, kit: Kit) -> None:
    run = kit.folder / "run"
    shutil.copytree(smoke.folder / "runs" / "smoke", run)
    for path in run.glob("mobilenet_v3_small/**/*.json"):
        record = json.loads(path.read_text())
        record["environment"]["processor"] = HOSTILE
        path.write_text(json.dumps(record))
    kit("report", "run")
    page = (kit.folder / "reports" / "run" / "report.html").read_text()
    assert "<script" not in page
    assert html.escape("<script>alert(1)</script>", quote=False) in page
    markdown = (kit.folder / "reports" / "run" / "report.md").read_text()
    assert "<script" not in markdown and "\n# y" not in markdown


def test_a_run_without_results_says_so(kit: Kit) -> None:
    (kit.folder / "run").mkdir()
    from kit.records.run import create
    from kit.study.preset import load

    create(Path(kit.folder / "run"), load("smoke"))
    assert "run has no results yet: run `kit reproduce` first" in kit("report", "run", code=1)
