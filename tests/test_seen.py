"""What is seen on odd terminals, with odd clocks, in small control groups, and with names that are taken."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kit.errors import KitError
from kit.runs import bundle, memory
from kit.runs.run import open_run
from kit.study.grid import Cell
from kit.study.preset import load
from kit.workflow import graph, progress
from kit.workflow.graph import Task
from kit.workflow.progress import Board, Entry
from tests.conftest import Kit

OLD = Path(__file__).parent / "runs" / "before-seeds"
ASK = "import sys; from kit import console; sys.stderr.write(str(console.is_live()))"


@pytest.mark.parametrize(
    ("terminal", "environment", "live"),
    [
        (True, {"TERM": "xterm-256color"}, True),
        (True, {"TERM": "dumb"}, False),
        (True, {"TERM": "dumb", "FORCE_COLOR": "1"}, False),
        (False, {"TERM": "xterm-256color"}, False),
        (False, {"TERM": "xterm-256color", "FORCE_COLOR": "1"}, False),
        (False, {"TERM": "xterm", "CLICOLOR_FORCE": "1", "TTY_COMPATIBLE": "1"}, False),
    ],
)
def test_a_table_is_redrawn_only_where_that_works(
    tmp_path: Path, terminal: bool, environment: dict[str, str], live: bool
) -> None:
    leader, follower = pty.openpty()
    with (tmp_path / "file").open("w") as file:
        out = follower if terminal else file.fileno()
        kept = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "TERM", "NO_COLOR")}
        argv = [sys.executable, "-c", ASK]
        done = subprocess.run(argv, stdout=out, stderr=subprocess.PIPE, env=kept | environment, text=True, check=True)
    os.close(leader)
    os.close(follower)
    assert done.stderr == str(live)


@pytest.mark.parametrize("jump_s", [0.0, -34_559_976.0, -1.0])
def test_a_clock_that_is_set_back_gives_no_negative_time(monkeypatch: pytest.MonkeyPatch, jump_s: float) -> None:
    monkeypatch.setattr(progress.time, "time", lambda: 1_700_000_000.0 + jump_s)
    entry = Entry(Task("train", Cell("mobilenet", 1, 0)), 100.0, "running", done=10, total=100)
    board = Board([entry], workers=2, began=1_700_000_000.0)
    assert "-" not in board.summary() and board.left_s() > 0


@pytest.mark.parametrize(
    ("lines", "files", "limit"),
    [
        ("0::/a/b\n", {"a/b/memory.max": "250000000\n"}, 250_000_000),
        ("0::/a/b\n", {"a/b/memory.max": "max\n", "a/memory.max": "300000000\n"}, 300_000_000),
        ("0::/\n", {"memory.max": "260000000\n"}, 260_000_000),
        ("0::/../../elsewhere\n", {"memory.max": "270000000\n"}, 270_000_000),
        ("5:memory:/x\n", {"memory/x/memory.limit_in_bytes": "280000000\n"}, 280_000_000),
        ("5:memory:/x\n", {"memory/x/memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ("0::/a\n", {"a/memory.max": "garbage\n"}, None),
        ("nonsense", {}, None),
        ("", {}, None),
    ],
)
def test_memory_is_what_the_control_groups_leave(
    tmp_path: Path, lines: str, files: dict[str, str], limit: int | None
) -> None:
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text(lines)
    for name, text in files.items():
        path = tmp_path / "sys" / "fs" / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert memory.available_bytes(tmp_path) == (limit or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def test_two_bundles_of_one_name_do_not_share_a_folder(tmp_path: Path) -> None:
    for owner in ("a", "b"):
        shutil.copytree(OLD, tmp_path / owner / "old")
    other = tmp_path / "b" / "old" / "left-out.json"
    other.write_text(other.read_text().replace("}", ' ,"x": "y"}'))
    first, second = (open_run(tmp_path / owner / "old") for owner in ("a", "b"))
    place = tmp_path / "runs" / "old-models"
    assert bundle.unpacked_place(first, place) == place
    bundle.unpack(first, place, lambda name: False)
    assert bundle.unpacked_place(first, place) == place
    assert bundle.unpacked_place(second, place) != place


@pytest.mark.parametrize("name", ["mobilnet_v2", "mobilenet_v2x/s60/int8", "smok"])
def test_a_mistyped_cell_or_run_of_a_bench_gets_the_nearest_name(kit: Kit, name: str) -> None:
    (kit.folder / "runs" / "smoke").mkdir(parents=True)
    shutil.copy(OLD / "preset.json", kit.folder / "runs" / "smoke" / "preset.json")
    said = kit("bench", name, code=1)
    assert said.count("\n") == 1 and f"did you mean {'smoke' if name == 'smok' else 'mobilenet_v2'}?" in said


def test_a_seed_that_a_preset_lacks_is_to_be_added_to_it() -> None:
    with pytest.raises(KitError, match=r"add 2 to the preset's `seeds`, which are \[1\]"):
        graph.select(load("short"), ["mobilenet_v2@2/s60/int8"])


def test_all_is_named_with_the_command_that_has_it() -> None:
    with pytest.raises(Exception, match=r"kit reproduce --preset paper --all"):
        graph.select(load("paper"), ["mobilenet_v3_small_minimalistic"])


def test_what_makes_a_run_again_names_its_preset(kit: Kit) -> None:
    (kit.folder / "run").mkdir()
    shutil.copy(OLD / "preset.json", kit.folder / "run" / "preset.json")
    name = open_run(kit.folder / "run").preset.name
    for words in (("verify", "run"), ("report", "run"), ("publish", "run", "there")):
        assert f"kit reproduce --preset {name}" in kit(*words, code=1)
