"""The report of a run on pictures of the user's own: the same questions, and nothing of the study."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from kit.study.datasets import DATASETS
from tests.conftest import Kit


@pytest.fixture
def own(smoke: Kit, kit: Kit) -> Kit:
    """The smoke run, as if its digits were pictures in a folder of that name."""
    shutil.copytree(smoke.folder / "runs" / "smoke", kit.folder / "runs" / "mine")
    path, known = kit.folder / "runs" / "mine" / "preset.json", DATASETS["digits"]
    preset = json.loads(path.read_text())
    found = {
        name: getattr(known, name) for name in ("classes", "train_images", "test_images", "train_digest", "test_digest")
    }
    preset["dataset"] = {"folder": "digits", "image_size": 32, "found": found}
    path.write_text(json.dumps(preset))
    return kit


def test_it_answers_what_compression_costs_and_leaves_the_study_out(own: Kit) -> None:
    assert "runs/mine: all 14 records hold" in own("verify", "mine")
    assert "the study says" not in own("report", "mine")
    folder = own.folder / "reports" / "mine"
    for name in ("report.md", "report.html"):
        text = (folder / name).read_text()
        body = re.sub(r"<script.*?</script>|<style.*?</style>", "", text, flags=re.S)
        titles = ("What does int8 cost?", "How far can it be pruned?", "What fits?", "Which network should I take?")
        assert all(title in body for title in titles)
        assert not re.search(r"Does the study hold|own and published|\d published|as in the study|claim", body)
        assert not re.search(r"\bstud(y|ies)\b", body, re.I)
    assert not (folder / "details" / "evidence.md").exists()
    assert not (folder / "figures" / "published-own.svg").exists()


def test_in_german_it_leaves_the_study_out_too(own: Kit) -> None:
    own("report", "mine", "--language", "de")
    folder = own.folder / "reports" / "mine"
    texts = [re.sub(r"<(script|style).*?</\1>", "", path.read_text(), flags=re.S) for path in folder.rglob("*.[mh]*")]
    assert len(texts) > 2 and any("auf diesem Rechner: " in text for text in texts)
    assert not any("Studie" in text for text in texts)
