"""Keys that are half there, damaged, or not of each other: what is said, and how to get out of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from kit.cluster import keys
from kit.cluster.keys import CERTIFICATE, KEY, make, security
from kit.errors import KitError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("number", range(4))
def test_a_killed_call_leaves_nothing_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Killed before or after either file is at its place."""
    replace, calls = Path.replace, []

    def dying(path: Path, target: Path) -> None:
        calls.append(target)
        is_last = len(calls) > number // 2
        if not is_last or number % 2:
            replace(path, target)
        if is_last:
            raise KeyboardInterrupt

    folder = tmp_path / "keys"
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "replace", dying)
        make(folder)
    if number < 3:
        with pytest.raises(KitError, match=r"no \w+.pem in .*: make keys with `kit cluster keys"):
            security(folder)
        make(folder)
    assert security(folder).require_encryption
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("name", [KEY, CERTIFICATE])
@pytest.mark.parametrize("half", [None, b""])
def test_half_a_pair_is_replaced_and_a_whole_one_is_not(tmp_path: Path, name: str, half: bytes | None) -> None:
    make(tmp_path)
    whole = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(KitError, match="has keys already"):
        make(tmp_path)
    assert whole == {path: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / name).unlink()
    if half is not None:
        (tmp_path / name).write_bytes(half)
    make(tmp_path)
    assert security(tmp_path).require_encryption
    assert not set(whole.values()) & {path.read_bytes() for path in tmp_path.iterdir()}


@pytest.mark.parametrize("content", [b"", b"no key", None])
def test_a_key_that_is_none_or_anothers_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    for name in ("own", "other"):
        make(tmp_path / name)
    key = tmp_path / "own" / KEY
    key.write_bytes((tmp_path / "other" / KEY).read_bytes() if content is None else content)
    with pytest.raises(
        KitError, match=r"own/key.pem is no key, or not the one of certificate.pem \(.*: copy both again, or delete"
    ):
        security(tmp_path / "own")


@pytest.mark.parametrize(("key", "certificate"), [(None, None), (b"", b"x"), (b"x", None), (b"x", b""), (b"x", b"x")])
def test_compose_makes_keys_unless_both_are_there(tmp_path: Path, key: bytes | None, certificate: bytes | None) -> None:
    folder = tmp_path / "runs" / "keys"
    folder.mkdir(parents=True)
    for name, content in ((keys.KEY, key), (keys.CERTIFICATE, certificate)):
        if content is not None:
            (folder / name).write_bytes(content)
    (tmp_path / "kit").write_text("#!/bin/sh\necho kit $*\n")
    (tmp_path / "kit").chmod(0o755)
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["keys"]
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    said = subprocess.run(service["entrypoint"], cwd=tmp_path, env=path, capture_output=True, text=True, check=True).stdout
    assert said == ("" if key and certificate else "kit cluster keys runs/keys\n")
