"""A worker's files: fetched once, checked at each use, bounded."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from kit import store
from kit.cluster.cache import Cache
from kit.cluster.messages import File
from kit.errors import KitError


class Source:
    """Brings files, and counts how often; `wrong` of them are damaged."""

    def __init__(self, wrong: int = 0) -> None:
        self.fetched: list[str] = []
        self.wrong = wrong

    async def __call__(self, file: File, stream: BinaryIO) -> None:
        self.fetched.append(file.path)
        await asyncio.sleep(0.05)
        stream.write(b"?" * file.size if len(self.fetched) <= self.wrong else content(file.path))


def content(path: str) -> bytes:
    return path.encode() * 100


def file(path: str) -> File:
    return File(path, store.digest(content(path)), len(content(path)))


def placed(cache: Cache, path: str, target: Path, source: Source) -> bytes:
    asyncio.run(cache.place(file(path), target, source))
    return target.read_bytes()


def test_a_file_travels_once_a_machine(tmp_path: Path) -> None:
    source, caches = Source(), [Cache(tmp_path / "cache", 10**6) for _ in range(3)]

    async def all_at_once() -> None:
        await asyncio.gather(*(c.place(file("a"), tmp_path / f"job{i}" / "a", source) for i, c in enumerate(caches)))

    asyncio.run(all_at_once())
    assert source.fetched == ["a"] and {(tmp_path / f"job{i}" / "a").read_bytes() for i in range(3)} == {content("a")}


def test_what_a_job_writes_stays_its_own(tmp_path: Path) -> None:
    source, cache = Source(), Cache(tmp_path / "cache", 10**6)
    placed(cache, "a", tmp_path / "a", source)
    store.write(tmp_path / "a", b"written")
    assert placed(cache, "a", tmp_path / "b", source) == content("a") and source.fetched == ["a"]


def test_a_damaged_file_is_fetched_again(tmp_path: Path) -> None:
    source, cache = Source(), Cache(tmp_path / "cache", 10**6)
    placed(cache, "a", tmp_path / "a", source)
    (tmp_path / "cache" / "files" / file("a").sha256).write_bytes(b"rotten")
    assert placed(cache, "a", tmp_path / "a", source) == content("a") and source.fetched == ["a", "a"]


def test_another_content_than_announced_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KitError, match="a came with another SHA-256 than the head said"):
        placed(Cache(tmp_path / "cache", 10**6), "a", tmp_path / "a", Source(wrong=1))
    assert not (tmp_path / "a").exists()


def test_it_is_bounded_and_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    source, cache = Source(), Cache(tmp_path / "cache", 250)
    for age, path in enumerate("abc"):
        placed(cache, path, tmp_path / path, source)
        os.utime(tmp_path / "cache" / "files" / file(path).sha256, (age, age))
    left = {path.name for path in (tmp_path / "cache" / "files").iterdir() if path.suffix != ".lock"}
    assert left == {file("b").sha256, file("c").sha256}
    assert (tmp_path / "a").read_bytes() == content("a")  # the job that has it keeps it


def test_a_file_that_another_worker_deletes_meanwhile_is_placed_all_the_same(tmp_path: Path) -> None:
    """One worker looks at a file while another one makes room."""
    source, caches = Source(), [Cache(tmp_path / "cache", 350) for _ in range(2)]
    placed(caches[0], "a", tmp_path / "a", source)

    async def both() -> None:
        for turn in range(50):
            await asyncio.gather(
                caches[0].place(file("a"), tmp_path / "again", source),
                caches[1].place(file(f"b{turn}"), tmp_path / f"b{turn}", source),
            )

    asyncio.run(both())
    assert (tmp_path / "again").read_bytes() == content("a") and source.fetched.count("a") > 1


def test_what_a_killed_worker_had_half_fetched_goes(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 250)
    old, new = (tmp_path / "cache" / "files" / f"{name}.partial" for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    with cache.scratch():
        assert not old.exists() and new.exists()


def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with pytest.raises(KitError, match=r"others can write to .*/open, and a worker runs what is in it"):
        Cache(open_to_all, 250)
    Cache(tmp_path / "cache", 250)
    monkeypatch.setattr(os, "getuid", lambda: 4321)
    with pytest.raises(KitError, match=r"others can write to .*/cache"):
        Cache(tmp_path / "cache", 250)


def test_a_disk_that_takes_no_folder_is_the_machines_fault(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 250)
    (tmp_path / "cache" / "jobs").rmdir()
    (tmp_path / "cache" / "jobs").write_bytes(b"")
    with pytest.raises(KitError, match=r"cannot write .*/jobs \(Not a directory\): free up space"), cache.scratch():
        pass


def test_folders_that_killed_workers_left_go(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 250)
    old = tmp_path / "cache" / "jobs" / "old"
    with store.exclusive(old / "run"):
        os.utime(old, (0, 0))
        with cache.scratch() as own:
            assert old.is_dir() and own.is_dir()
    with cache.scratch():
        assert not old.exists() and not own.exists()
