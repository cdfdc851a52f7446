import errno
import gzip
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kit import store
from kit.errors import KitError


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    program = (
        "import resource; from pathlib import Path; from kit import store\n"
        "store.write(Path('kept'), b'old')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "store.write(Path('kept'), bytes(5000))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "cannot write kept (File too large): raise `ulimit -f`" in done.stderr
    assert (tmp_path / "kept").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_folder_that_cannot_be_written_is_one_line() -> None:
    with pytest.raises(KitError, match="cannot write /proc/nowhere/file"):
        store.write(Path("/proc/nowhere/file"), b"")


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(errno.EROFS, "choose a folder that can be written"), (errno.ENOSPC, "free up space"), (errno.EACCES, "give user")],
)
def test_the_remedy_is_for_what_the_system_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, remedy: str
) -> None:
    def refuse(path: Path, target: Path) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(KitError, match=remedy):
        store.write(tmp_path / "file", b"")


def test_what_is_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(KitError, match="a folder is where a file should be"):
        store.write(tmp_path / "folder", b"")
    (tmp_path / "file").touch()
    with pytest.raises(KitError, match="a file is where a folder should be"), store.exclusive(tmp_path / "file"):
        pass


def test_a_folder_has_one_holder(tmp_path: Path) -> None:
    assert not store.is_held(tmp_path)
    with store.exclusive(tmp_path):
        assert store.is_held(tmp_path)
        with pytest.raises(KitError, match="another kit is working"), store.exclusive(tmp_path, patience_s=0):
            pass
    assert not store.is_held(tmp_path)


def test_a_child_that_inherits_the_lock_holds_the_folder(tmp_path: Path) -> None:
    with store.exclusive(tmp_path) as lock:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock])
    assert store.is_held(tmp_path)
    child.communicate(b"\n")
    assert not store.is_held(tmp_path)


def test_half_written_files_are_cleared(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".weights.1.partial").touch()
    (tmp_path / "a" / "weights").touch()
    store.remove_partial(tmp_path)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["weights"]


def test_a_packed_file_is_unpacked_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_MOST_UNPACKED", 1000)
    monkeypatch.setattr(gzip, "decompress", lambda content: pytest.fail("it was unpacked whole"))
    for size in (0, 1000):
        (tmp_path / "file.gz").write_bytes(gzip.compress(bytes(size)))
        assert store.read(tmp_path / "file") == bytes(size)
    (tmp_path / "file.gz").write_bytes(gzip.compress(bytes(1001)))
    with pytest.raises(KitError, match=r"file.gz cannot be read \(it unpacks to more than 1,000 bytes\): get a new copy"):
        store.read(tmp_path / "file")
    for damaged in (b"no gzip", gzip.compress(bytes(1000))[:-9], gzip.compress(b"x") + b"tail"):
        (tmp_path / "file.gz").write_bytes(damaged)
        with pytest.raises(KitError, match=r"file.gz cannot be read"):
            store.read(tmp_path / "file")


def test_a_lock_that_its_holder_deletes_holds_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    with ThreadPoolExecutor() as pool:
        with store.exclusive(folder):
            waiting = pool.submit(store._locked, folder, 5.0)
            time.sleep(0.3)
            shutil.rmtree(folder)
        descriptor = waiting.result()
    assert store.is_held(folder)
    os.close(descriptor)
