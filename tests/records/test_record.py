from pathlib import Path

import pytest

from kit.errors import KitError
from kit.records import record as records

READ = {"stage": "train", "version": 1, "settings": {"a": 1, "b": 2}, "inputs": {"x": "00"}}


def test_the_fingerprint_depends_on_all_that_is_read_and_on_no_order() -> None:
    own = records.fingerprint(**READ)  # type: ignore[arg-type]
    assert own == records.fingerprint("train", 1, {"b": 2, "a": 1}, {"x": "00"})
    for key, other in {"stage": "prune", "version": 2, "settings": {"a": 2, "b": 2}, "inputs": {"x": "01"}}.items():
        assert own != records.fingerprint(**{**READ, key: other})  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b'{"format": 1, "surprise": 2}'])
def test_a_damaged_record_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "train.json"
    path.write_bytes(content)
    with pytest.raises(KitError, match="is damaged"):
        records.read(path)


def test_a_record_of_a_later_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    record = records.Record(99, "train", "a", 1, {}, {}, {}, {}, {}, "", 0.0, "")
    path.write_bytes(records.encode(record))
    with pytest.raises(KitError, match="use a newer kit"):
        records.read(path)
