"""What others wrote may be anything: no content gives a trace, and nothing damaged counts."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import tarfile
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from kit.analysis.results import results
from kit.analysis.summary import one_run
from kit.bench.dialogue import Monitor
from kit.bench.journal import Journal
from kit.bench.values import Answer
from kit.datasets import cifar10, prepare
from kit.errors import KitError
from kit.process import Completed
from kit.runs import bundle, predictions
from kit.runs.record import Record, read_record
from kit.runs.run import open_run
from kit.study import preset
from kit.study.preset import Preset
from kit.workflow.verify import problems

OLD = Path(__file__).parent / "runs" / "before-seeds"
SMOKE = resources.files("kit.study.presets").joinpath("smoke.toml").read_text()
RECORD = (OLD / "mobilenet_v3_small" / "s00" / "train.json").read_bytes()
PREDICTIONS = predictions.encode({"test": predictions.keep(np.eye(10, dtype=np.float32), np.arange(10))})
BATCH = pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1, 2]}, protocol=2)
IMAGES = save(
    {f"{split}_{what}": np.zeros((2, 4), np.uint8) for split in ("train", "test") for what in ("images", "labels")}
)

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
few = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def spoilt(whole: bytes) -> st.SearchStrategy[bytes]:
    """`whole` with a stretch of it replaced, cut off, or anything at all."""
    places = st.integers(0, len(whole))
    stretch = st.tuples(places, st.integers(0, 40), st.binary(max_size=12))
    replaced = stretch.map(lambda cut: whole[: cut[0]] + cut[2] + whole[cut[0] + cut[1] :])
    return replaced | places.map(lambda end: whole[:end]) | st.binary(max_size=200)


@quick
@given(spoilt(SMOKE.encode()))
def test_presets(content: bytes) -> None:
    try:
        assert isinstance(preset.parse(content.decode(errors="replace"), "x.toml"), Preset)
    except KitError as error:
        assert "\n" not in str(error) and "x.toml" in str(error)


@quick
@given(spoilt(RECORD) | values.map(lambda value: json.dumps(value).encode()))
def test_records(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "train.json"
    path.write_bytes(content)
    try:
        assert isinstance(read_record(path), Record)
    except KitError as error:
        assert str(path) in str(error)


@quick
@given(spoilt((OLD / "preset.json").read_bytes()) | values.map(lambda value: json.dumps(value).encode()))
def test_the_preset_and_the_list_of_a_run(tmp_path: Path, content: bytes) -> None:
    for name in ("preset.json", bundle.LEFT_OUT):
        shutil.copy(OLD / "preset.json", tmp_path / "preset.json")
        (tmp_path / name).write_bytes(content)
        try:
            bundle.left_out(open_run(tmp_path))
        except KitError as error:
            assert str(tmp_path) in str(error)


@pytest.mark.parametrize("key", ["architectures", "extra_architectures", "precisions"])
def test_a_run_has_no_folders_outside(tmp_path: Path, key: str) -> None:
    preset = json.loads((OLD / "preset.json").read_text())
    (tmp_path / "preset.json").write_text(json.dumps(preset | {key: ["../../x"]}))
    with pytest.raises(KitError, match=r"preset.json is damaged \((architecture|precision) '../../x' can't name a folder\)"):
        open_run(tmp_path)


@quick
@given(spoilt(PREDICTIONS))
def test_predictions(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "predictions.safetensors"
    path.write_bytes(content)
    try:
        predictions.read(path)
    except KitError as error:
        assert str(path) in str(error)


@quick
@given(spoilt(IMAGES))
def test_prepared_images(tmp_path: Path, content: bytes) -> None:
    path = prepare.location(tmp_path, "digits")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    try:
        prepare.load(tmp_path, "digits")
    except KitError as error:
        assert str(path) in str(error)


@quick
@given(spoilt(BATCH))
def test_pickles_of_an_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "archive.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    try:
        cifar10.read(path)
    except KitError as error:
        assert str(path) in str(error) and "\n" not in str(error)


def test_a_pickle_that_asks_for_all_memory_is_refused_at_once() -> None:
    """LONG_BINPUT to a far place: a memo that is a list would need 16 GB."""
    bomb = pickle.PROTO + b"\x02" + pickle.NONE + pickle.LONG_BINPUT + (1 << 30).to_bytes(4, "little") + pickle.STOP
    with pytest.raises(KitError, match="malformed"):
        cifar10._batch(bomb, Path("x.tar"), "test_batch")


def _archive() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        entry = tarfile.TarInfo("data_batch_1")
        entry.size = len(BATCH)
        tar.addfile(entry, io.BytesIO(BATCH))
    return stream.getvalue()


@quick
@given(spoilt(_archive()))
def test_archives(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "archive.tar"
    path.write_bytes(content)
    with pytest.raises(KitError) as caught:
        cifar10.read(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@quick
@given(st.lists(st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode()), max_size=5))
def test_journals(tmp_path: Path, lines: list[bytes]) -> None:
    path = tmp_path / "x.jsonl"
    path.unlink(missing_ok=True)
    Journal(path, "f", {})
    path.write_bytes(path.read_bytes() + b"\n".join(lines) + b"\n")
    assert Journal(path, "f", {}).entries == []


class _Says:
    """A dialog that says one line."""

    def __init__(self, line: str) -> None:
        self.line = line

    def send(self, line: str) -> None: ...

    def receive(self, timeout_s: float) -> str:
        return self.line

    def end(self) -> Completed:
        return Completed(0, "", "")


@quick
@given(st.text(max_size=80) | values.map(json.dumps))
def test_answers_of_the_agent(line: str) -> None:
    monitor = Monitor(_Says(line), "pi", lambda done: KitError("ended"))  # type: ignore[arg-type]
    try:
        assert isinstance(monitor.receive(Answer), Answer)
    except KitError as error:
        assert "\n" not in str(error) and monitor._over.is_set(), "it would hold a host's governor for ever"
    finally:
        monitor.end()


def _leaves(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [leaf for key, own in value.items() for leaf in _leaves(own, (*way, key))] or [way]
    if isinstance(value, list):
        return [leaf for index, own in enumerate(value[:3]) for leaf in _leaves(own, (*way, index))] or [way]
    return [way]


@few
@given(data=st.data())
def test_a_record_with_any_other_value_gives_a_report_and_a_verification(tmp_path: Path, data: st.DataObject) -> None:
    run = tmp_path / "run"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(OLD, run)
    path = data.draw(st.sampled_from(sorted(run.glob("*/s*/**/*.json"))))
    record = json.loads(path.read_bytes())
    way = data.draw(st.sampled_from([leaf for leaf in _leaves(record) if leaf]))
    place = record
    for key in way[:-1]:
        place = place[key]
    place[way[-1]] = data.draw(values)
    path.write_text(json.dumps(record))
    opened = open_run(run)
    assert len(results(opened)) == 4
    list(problems(opened))
    one_run(opened)
