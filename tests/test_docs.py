"""What people read: links lead somewhere, every key is documented, and the words are those of a native writer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec import inspect
from safetensors.numpy import load as load_tensors

from kit.bench.values import BenchSettings, BenchValues
from kit.runs import predictions
from kit.runs.counts import counts
from kit.runs.environment import environment
from kit.runs.record import Record, plain, read_as
from kit.runs.run import open_run
from kit.runs.stage import Stage
from kit.stages.registry import STAGES
from kit.study.claims import as_written
from kit.study.grid import PRECISIONS, Cell
from kit.study.preset import Preset, load
from tests.conftest import Kit

ROOT = Path(__file__).parents[1]
README, CONTRIBUTING, FORMAT = ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "docs" / "format.md"
FOLDERS = ("docs", "reports", "data", "benchmarks")
FINDINGS = ROOT / "reports" / "reference" / "FINDINGS.md"
REFERENCE = [FINDINGS, FINDINGS.with_name("README.md")]
PAGES = [README, CONTRIBUTING, ROOT / "CHANGELOG.md", *(p for f in FOLDERS for p in (ROOT / f).glob("*.md")), *REFERENCE]
WORDS = r"mend(s|ed|ing)?|goes on|the same bytes|excerpts?|to be doubted|what it has not|not looked at"
# Maps whose keys come from data: paths, names of packages, operators and types, classes.
DATA = {"inputs", "outputs", "packages", "operators", "constants", "by_class", "previous"}
KINDS = {"convolution", "pointwise", "depthwise", "dense", "bias", "normalization"}  # of layers: keys of `weights`


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def links(path: Path) -> list[str]:
    """The targets of a page's links and images, without those of other sites."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(path))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings: lower case, no punctuation, numbered where they repeat."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"^#+ (.+)$", prose(path), flags=re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in links(page):
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        assert there.exists() and there.is_relative_to(ROOT), f"{name(page)}: no {target}"
        assert not anchor or anchor in anchors(there), f"{name(page)}: {target} has no such heading"


def test_anchors_are_those_of_github(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A run's folder\n## `kit bench`, on *a* Pi\n## [Ties](x.md) & seeds\n# One\n# One\n```\n# none\n```\n")
    assert anchors(page) == {"a-runs-folder", "kit-bench-on-a-pi", "ties--seeds", "one", "one-1"}


def test_every_page_of_docs_is_linked_from_the_readme() -> None:
    linked = {(ROOT / target.partition("#")[0]).resolve() for target in links(README)}
    assert linked >= set((ROOT / "docs").glob("*.md"))


def test_the_readme_is_short() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_word_reads_as_translated(page: Path) -> None:
    text = " ".join(page.read_text("utf-8").split())  # a phrase may run over the end of a line
    assert not [found[0] for found in re.finditer(rf"\b({WORDS})\b", text, flags=re.IGNORECASE)]


def test_contributing_names_files_that_exist() -> None:
    paths = re.findall(r"`((?:kit|tests|docs|docker|benchmarks)/[a-z0-9_./*]*)`", CONTRIBUTING.read_text("utf-8"))
    assert paths
    for path in paths:
        assert list(ROOT.glob(path.rstrip("/"))), f"there is no {path}"


def test_the_findings_have_the_accuracies_of_the_runs() -> None:
    """But for one bullet, whose numbers are of a benchmark: it names the command."""
    reports = ROOT / "reports"
    files = [
        reports / name
        for name in ("reference/results.json", "reference/short.csv", "seeds/results.json", "seeds-50/results.json")
    ]
    values = {f"{float(number):.4f}" for path in files for number in re.findall(r"\d+\.\d+", path.read_text("utf-8"))}
    evaluated = [
        msgspec.json.decode(path.read_bytes())["values"] for path in reports.glob("reference/*@1/s*/int8/evaluate.json")
    ]
    built_in = [one["engine"]["without_delegate"]["test"] for one in evaluated if "without_delegate" in one["engine"]]
    assert len(built_in) == 24
    for test in built_in:
        fair = sum(row[index] for index, row in enumerate(test["confusion"]))
        values |= {f"{hits / test['n']:.4f}" for hits in (fair, test["as_studied"]["top1_correct"])}
    text, benchmark = re.subn(r"- \*\*A bug of the converter.*?(?=\n## )", "", FINDINGS.read_text("utf-8"), flags=re.DOTALL)
    accuracies = re.findall(r"\b0\.\d{4}\b", text)
    assert benchmark == 1 and len(accuracies) > 150
    assert not set(accuracies) - values


def struct_keys(kind: inspect.Type) -> Iterator[str]:
    """The keys of a struct and of all structs inside it."""
    if isinstance(kind, inspect.StructType):
        for field in kind.fields:
            yield field.encode_name
            yield from struct_keys(field.type)
    elif isinstance(kind, inspect.UnionType | inspect.TupleType):
        for inner in kind.types if isinstance(kind, inspect.UnionType) else kind.item_types:
            yield from struct_keys(inner)
    elif isinstance(kind, inspect.DictType):
        yield from struct_keys(kind.value_type)
    elif isinstance(kind, inspect.VarTupleType | inspect.ListType):
        yield from struct_keys(kind.item_type)


def value_keys(value: Any) -> Iterator[str]:
    """The keys of a value out of a record, but for those that come from data."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if key not in DATA:
                yield from value_keys(inner)
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict | list):
                yield from value_keys(inner)


def undocumented(keys: set[str]) -> set[str]:
    text = FORMAT.read_text("utf-8")
    return {key for key in keys if f"`{key}`" not in text}


@pytest.mark.parametrize("struct", [Preset, Record, BenchSettings, BenchValues], ids=lambda struct: struct.__name__)
def test_every_key_of_a_struct_is_documented(struct: type[msgspec.Struct]) -> None:
    keys = set(struct_keys(inspect.type_info(struct)))
    assert len(keys) > 10
    assert not undocumented(keys)


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_what_a_stage_records_is_in_the_table_of_its_section(stage: Stage) -> None:
    keys = set(struct_keys(inspect.type_info(stage.values)))
    assert len(keys) >= 5
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##)", FORMAT.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE))
    text = sections[stage.name] + (sections["train"] if stage.name == "prune" else "")
    assert not {key for key in keys if f"`{key}`" not in text}


def test_a_real_run_records_the_keys_of_the_structs_and_no_others(smoke: Kit) -> None:
    """Both ways: what was recorded fits its struct without a key left over, and each key occurs somewhere."""
    run = open_run(smoke.folder / "runs" / "smoke")
    found: dict[str, set[str]] = {name: set() for name in STAGES}
    for record in run.records():
        if record.stage in STAGES:
            assert plain(read_as(STAGES[record.stage].values, record.values, record)) == record.values
            found[record.stage] |= set(value_keys(record.values)) - KINDS
    found["prune"] -= {"mask_sparsity"}  # in `extra`, a map
    found["evaluate"] |= {"parameters", "zeros"}  # in `constants`, whose keys are data
    for name, stage in STAGES.items():
        if stage.is_on_demand:
            continue  # tests/stages/test_audit.py
        assert found[name] == set(struct_keys(inspect.type_info(stage.values)))


@pytest.mark.parametrize("run", ["reports/reference", "tests/old_run"])
def test_every_key_of_the_committed_records_is_documented(run: str) -> None:
    records = list((ROOT / run).glob("*/s[0-9][0-9]/**/*.json"))
    assert records
    assert not undocumented({key for path in records for key in value_keys(msgspec.json.decode(path.read_bytes()))})


def test_every_setting_of_a_stage_is_documented() -> None:
    paper = load("paper")
    training = msgspec.structs.replace(paper.training, batch_norm_momentum=0.9, training_ops="tensorflow")
    pruning = msgspec.structs.replace(paper.pruning, depthwise=True)
    preset = msgspec.structs.replace(paper, threads=2, training=training, pruning=pruning)
    kinds = (None, *PRECISIONS)
    places = [Cell("mobilenet_v3_large", 1, sparsity, kind) for sparsity in (0, 60) for kind in kinds]
    settings = [stage.settings(preset, place) for stage in STAGES.values() for place in places if stage.applies(place)]
    keys = {key for own in settings for key in value_keys(own)}
    assert keys >= {"threads", "training_ops", "mobilenet_v3_input", "batch_norm_momentum", "depthwise", "schedule"}
    assert not undocumented(keys)


def test_every_key_of_the_environment_is_documented() -> None:
    assert not undocumented(set(value_keys(environment(Path("runs")))))


def test_every_tensor_of_the_predictions_and_every_count_is_documented() -> None:
    even = np.full((2, 10), 0.1, np.float32)
    kept = predictions.keep(even, np.array([0, 9]))
    tensors = load_tensors(predictions.encode({"SPLIT": kept}))
    assert len(tensors) == 8
    assert not undocumented(set(tensors))
    assert not undocumented(set(value_keys(plain(counts(kept)))))


def test_the_page_on_verdicts_has_every_claim_with_its_limits() -> None:
    limits, claims = as_written()
    rows = re.findall(r"^\| (\d+) \| (.+)$", (ROOT / "docs" / "verdicts.md").read_text("utf-8"), flags=re.MULTILINE)
    assert [int(number) for number, _ in rows] == [claim.number for claim in claims]
    for (number, row), claim in zip(rows, claims, strict=True):
        for limit in re.findall(r"{(\w+)}", claim.statement["en"] + claim.decided_by["en"]):
            assert f"{getattr(limits, limit):g}" in re.findall(r"\d+(?:\.\d+)?", row), f"claim {number}: {limit}"
