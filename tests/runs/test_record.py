from pathlib import Path

import msgspec
import pytest

from kit.errors import KitError
from kit.runs.counts import Counts
from kit.runs.record import Record, encode_record, fingerprint_of, plain, read_as, read_record
from kit.stages.values import ConvertValues

READ = {"stage": "train", "version": 1, "settings": {"a": 1, "b": 2}, "inputs": {"x": "00"}}


def test_the_fingerprint_depends_on_all_that_is_read_and_on_no_order() -> None:
    own = fingerprint_of(**READ)  # type: ignore[arg-type]
    assert own == fingerprint_of("train", 1, {"b": 2, "a": 1}, {"x": "00"})
    for key, other in {"stage": "prune", "version": 2, "settings": {"a": 2, "b": 2}, "inputs": {"x": "01"}}.items():
        assert own != fingerprint_of(**{**READ, key: other})  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b'{"format": 1, "surprise": 2}'])
def test_a_damaged_record_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "train.json"
    path.write_bytes(content)
    with pytest.raises(KitError, match="is damaged"):
        read_record(path)


def test_a_record_of_a_later_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    record = Record(99, "train", "a", 1, {}, {}, {}, {}, {}, "", 0.0, "")
    path.write_bytes(encode_record(record))
    with pytest.raises(KitError, match="use a newer kit"):
        read_record(path)


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "", "."])
@pytest.mark.parametrize("key", ["inputs", "outputs"])
def test_a_record_names_no_file_outside_of_its_run(tmp_path: Path, key: str, name: str) -> None:
    path = tmp_path / "train.json"
    record = Record(2, "train", "a", 1, {}, {"dataset:train": ""}, {"a/..b/w.safetensors": ""}, {}, {}, "", 0.0, "")
    path.write_bytes(encode_record(record))
    assert read_record(path) == record
    path.write_bytes(encode_record(msgspec.structs.replace(record, **{key: {name: ""}})))
    with pytest.raises(
        KitError, match=rf"train.json names '{name}', outside of its run: get the run from somebody you trust"
    ):
        read_record(path)


def test_values_that_are_not_their_stages_are_one_line() -> None:
    record = Record(2, "convert", "mobilenet@1/s00/int8", 1, {}, {}, {}, {"size_bytes": "12 kB"}, {}, "", 0.0, "")
    with pytest.raises(KitError, match=r"the convert record of mobilenet@1/s00/int8 cannot be read .*`\$\.size_bytes`"):
        read_as(ConvertValues, record.values, record)


def test_a_key_that_does_not_apply_is_left_out_and_the_rest_is_as_read_back() -> None:
    values = ConvertValues(12, 5)
    assert plain(values) == {"size_bytes": 12, "gzip_bytes": 5}
    counts = Counts(1, 0.5, 1.0, ((1.0,),))
    assert plain(counts) == {"n": 1, "loss_sum": 0.5, "top3_correct": 1.0, "confusion": [[1.0]]}
