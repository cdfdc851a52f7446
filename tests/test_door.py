"""Whatever ends a command is one line with path and reason, and exit code 1; what could be done is done."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kit.cli.door import line_of
from kit.workflow import local
from tests.conftest import KIT, Kit, take_ctrl_c, wait_for

OLD = Path(__file__).parent / "runs" / "before-seeds"
TRAIN = "mobilenet_v3_small/s00/train.json"
# Root reads whatever it likes; without these capabilities it is held to a file's mode as others are.
HELD = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-dac_override,-dac_read_search")
NOBODY = ("env", "-u", "HOME", "setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups")
READS_ALL = ("--inh-caps=+dac_override,+dac_read_search", "--ambient-caps=+dac_override,+dac_read_search")


def said(folder: Path, *words: str, before: tuple[str, ...] = (), out: int = subprocess.PIPE) -> tuple[int, str, str]:
    done = subprocess.run([*before, KIT, *words], cwd=folder, stdout=out, stderr=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout or "", done.stderr


def one_line(error: str) -> bool:
    return error.startswith("error: ") and error.count("\n") == 1


@pytest.fixture
def old(tmp_path: Path) -> Path:
    shutil.copytree(OLD, tmp_path / "old")
    return tmp_path


def unreadable(path: Path) -> None:
    path.chmod(0)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def not_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe{" + bytes(range(256)))


def nested(path: Path) -> None:
    path.write_text("[" * 100_000)


SPOILERS = (unreadable, a_folder, cut_off, not_text, nested)


def held() -> tuple[str, ...]:
    return HELD if os.getuid() == 0 else ()


@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda one: one.__name__)
def test_one_damaged_record_is_said_and_the_rest_is_done(old: Path, spoil: Callable[[Path], None]) -> None:
    spoil(old / "old" / TRAIN)
    code, out, err = said(old, "verify", "old", before=held())
    assert code == 1 and one_line(err) and "1 thing does not hold" in err
    assert f"record old/{TRAIN}" in out
    code, out, err = said(old, "status", "old", before=held())
    assert code == 1 or spoil is a_folder
    assert "mobilenet_v3_small@3/s60" in out and "marks: " in out


@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda one: one.__name__)
@pytest.mark.parametrize(
    "words", [("status",), ("verify",), ("report",), ("publish", "bundle"), ("bench",)], ids=lambda words: words[0]
)
def test_a_spoilt_preset_is_one_line(old: Path, spoil: Callable[[Path], None], words: tuple[str, ...]) -> None:
    spoil(old / "old" / "preset.json")
    code, _, err = said(old, words[0], "old", *words[1:], before=held())
    assert code == 1 and one_line(err) and "old" in err


@pytest.mark.parametrize("words", [("status", "old"), ("verify", "old", "--json"), ("--version",)])
def test_a_full_disk_behind_standard_output_is_one_line(old: Path, words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        code, _, err = said(old, *words, out=full.fileno())
    assert code == 1 and one_line(err) and "standard output cannot be written (No space left on device)" in err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_full_or_broken_disk_is_not_blamed_on_standard_output(number: int) -> None:
    line = line_of(OSError(number, os.strerror(number)))
    assert line and line.startswith(f"{os.strerror(number)}: ") and "standard output" not in line


LARGEST = 100_000  # bytes of a file, as if the disk were full then


def test_a_disk_that_fills_up_while_pictures_are_read_is_one_line_with_the_path(tmp_path: Path) -> None:
    images = np.zeros((200, 32, 32), np.uint8)
    np.savez_compressed(tmp_path / "zeros.npz", x=images, y=np.arange(200) % 2)
    before = ("prlimit", f"--fsize={LARGEST}")
    code, out, err = said(tmp_path, "data", "zeros.npz", before=before)
    assert (code, out) == (1, "") and one_line(err)
    assert re.search(r"cannot write data/\.zeros-\w+\.work/new/raw \(File too large\): raise `ulimit -f`", err)
    assert not any((tmp_path / "data").iterdir())


def test_a_disk_that_fills_up_while_pictures_are_predicted_is_one_line_with_the_path(tmp_path: Path, tiny: Path) -> None:
    for index in range(64):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{index}.png")
    code, _, err = said(
        tmp_path, "predict", str(tiny), ".", "--input-range=-1,1", before=("prlimit", f"--fsize={LARGEST // 2}")
    )
    assert code == 1 and one_line(err) and re.search(r"cannot write .*images\.npy \(File too large\)", err)


def test_a_closed_pipe_leaves_no_trace(old: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    code, _, err = said(old, "status", "old", out=writer)
    os.close(writer)
    assert code == 1 and "Traceback" not in err


def test_a_user_without_a_name_and_a_home_gets_the_report(old: Path) -> None:
    shutil.copytree(old, old / "theirs")
    for path in (old / "theirs", *(old / "theirs").rglob("*")) if os.getuid() == 0 else ():
        os.chown(path, 12345, 12345)
    before = (*NOBODY, *READS_ALL) if os.getuid() == 0 else NOBODY[:3]
    code, out, err = said(old / "theirs", "report", "old", before=before)
    assert (code, err) == (0, "") and "written: reports/old/report.md" in out


def test_a_run_that_may_not_be_written_is_reported(old: Path) -> None:
    (old / "old").chmod(0o555)
    code, out, err = said(old, "report", "old", before=held())
    assert (code, err) == (0, "") and "not written, its folder is read-only: old/ro-crate-metadata.json" in out


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        ("--as=3072000000", "was ended by SIG[A-Z]+, for want of memory: close other programs or raise"),  # V8 reserves more
        ("--nofile=12", "has no more files to open: raise"),
    ],
)
def test_where_the_figures_engine_ends_the_rest_of_the_report_is_written(old: Path, limit: str, why: str) -> None:
    code, out, err = said(old, "report", "old", before=("prlimit", limit))
    assert code == 1 and one_line(err) and "reports/old has no figures" in err
    text = (old / "reports" / "old" / "report.md").read_text()
    assert re.search(f"all figures: the engine that draws them {why}", text)
    assert (old / "reports" / "old" / "report.html").is_file() and "written: reports/old/results.csv" in out


def test_a_host_that_was_never_reached_gets_no_table(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"any TFL3")
    code, out, err = said(tmp_path, "bench", "model.tflite", "--host", "nowhere.invalid")
    assert (code, out) == (1, "") and one_line(err) and "no such name" in err


@pytest.mark.parametrize(
    ("content", "words", "why"),
    [
        (b"", (), "model.tflite is empty: make it or copy it again"),
        (b"\x89PNG\r\n", (), "model.tflite is not a model in TFLite's format"),
        (b"any TFL3", ("--shape", "foo"), "--shape foo is no size: write it like 1,224,224,3"),
    ],
)
def test_what_can_t_be_measured_anywhere_is_said_before_anything_starts(
    tmp_path: Path, content: bytes, words: tuple[str, ...], why: str
) -> None:
    (tmp_path / "model.tflite").write_bytes(content)
    code, out, err = said(tmp_path, "bench", "model.tflite", *words)
    assert (code, out) == (1, "") and one_line(err) and why in err


def test_a_log_that_may_not_be_written_fails_its_tasks_in_one_line_each(smoke: Kit, tmp_path: Path) -> None:
    shutil.copytree(smoke.folder / "runs" / "smoke", tmp_path / "smoke")
    cell = tmp_path / "smoke" / "mobilenet_v3_small@1" / "s60" / "int8"
    (cell / "evaluate.json").unlink()
    (tmp_path / "data").symlink_to(smoke.folder / "data")
    shutil.rmtree(tmp_path / "smoke" / "logs")
    (tmp_path / "smoke" / "logs").mkdir(mode=0o500)
    code, out, err = said(tmp_path, "evaluate", "smoke", "mobilenet_v3_small/s60/int8", before=held())
    assert code == 1 and one_line(err) and "1 task failed" in err
    assert "failed: evaluate mobilenet_v3_small@1/s60/int8: its log smoke/logs/" in out and "(Permission denied)" in out


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("bench", "old", "--user", "x"), "--user is for hosts: leave --user out, or name a host with --host"),
        (("bench", "old", "--image", "foo"), "--image is for hosts"),
        (("data", "cifar10", "--image-size", "64"), "the images of cifar10 have a size already: leave --image-size out"),
        (("reproduce", "-p", "smoke", "--dry-run", "--archive", "nope.tar.gz"), "no archive at nope.tar.gz"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(old: Path, words: tuple[str, ...], wrong: str) -> None:
    code, out, err = said(old, *words)
    assert (code, out) == (1, "") and one_line(err) and wrong in err


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("reprot",), "no such command 'reprot': did you mean report? for example: kit reproduce --preset smoke"),
        (("report",), "missing argument 'RUN...': for example: kit report runs/short --language de"),
        (("status", "--jsn", "x"), "no such option: --jsn: did you mean --json? for example: kit status runs/short"),
        (("status", "nope", "--debug"), "--debug goes before the command: for example: kit --debug status runs/short"),
        (("train", "-j", "0"), "for example: kit train mobilenet_v2 --preset short"),
        (("bench", "--parity", "many"), "for example: kit bench runs/short mobilenet_v2 --host pi.local"),
        (("status", "a", "b"), "extra argument"),
        (("dev", "pi", "upp"), "did you mean up?"),
    ],
)
def test_a_wrong_word_is_one_line_with_the_nearest_name_or_an_example(
    tmp_path: Path, words: tuple[str, ...], wrong: str
) -> None:
    code, _, err = said(tmp_path, *words)
    assert code == 1 and one_line(err) and wrong in err


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_whatever_the_system_says_has_its_path_and_reason(number: int) -> None:
    line = line_of(OSError(number, os.strerror(number), "/some/where"))
    assert line and line.startswith(f"/some/where: {os.strerror(number)}: ") and "\n" not in line


@pytest.mark.parametrize(
    ("error", "wrong"),
    [
        (MemoryError(), "out of memory"),
        (EOFError(), "killed, probably out of memory: use --workers 1"),
        (RuntimeError("can't start new thread"), "no more threads"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "use --workers 1"),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "Connection reset by peer"),
    ],
)
def test_what_is_not_about_a_file_names_the_cause(error: BaseException, wrong: str) -> None:
    assert wrong in (line_of(error) or "")


def test_the_kits_own_faults_keep_their_trace() -> None:
    assert line_of(KeyError("x")) is None


def test_a_lost_process_server_is_named() -> None:
    assert local.ending(255, Path("x.log")) == (
        "the process server was killed, probably out of memory: run it with --workers 1"
    )


def test_a_killed_process_server_is_no_abort(kit: Kit) -> None:
    """The server is killed while the first worker trains; the run ends with failed tasks, not with `Aborted!`."""
    text = resources.files("kit.study.presets").joinpath("smoke.toml").read_text()
    (kit.folder / "mine.toml").write_text(text.replace("epochs = 12", "epochs = 1"))
    process = kit.start("train", "mobilenet_v3_small", "--preset", "mine.toml", "-j", "1")
    servers = wait_for(lambda: _children(process.pid, "forkserver"))
    for server in servers:
        os.kill(server, signal.SIGKILL)
    out, err = process.communicate(timeout=600)
    assert "Aborted" not in err and "Traceback" not in err
    assert process.returncode == 0 or "killed, probably out of memory" in out + err


def test_ctrl_c_while_the_process_server_starts_is_one_line(kit: Kit) -> None:
    """A terminal sends it to every process of the group."""
    process = kit.start("train", "mobilenet_v3_small", "--preset", "smoke", start_new_session=True)
    wait_for(lambda: _children(process.pid, "forkserver"))
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 130 and err == "error: stopped: nothing finished is lost; the same command resumes\n"


@pytest.mark.parametrize(("words", "code"), [(("--version",), 0), (("status", "old", "--json"), 0), (("status", "nope"), 1)])
def test_a_closed_stream_is_no_error(old: Path, words: tuple[str, ...], code: int) -> None:
    for closed in (">&-", "2>&-"):
        ended, _, err = said(old, *words, before=("sh", "-c", f'"$0" "$@" {closed}'))
        assert ended == code and "Traceback" not in err


HIT_WHILE_LOADING = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from kit.cli.app import main
main()
"""


def test_ctrl_c_while_the_kit_is_loaded_leaves_no_trace() -> None:
    argv = [sys.executable, "-c", HIT_WHILE_LOADING]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, preexec_fn=take_ctrl_c)
    assert (done.returncode, done.stdout + done.stderr) == (130, "")


HIT_AT_START = """
import os, signal
from kit.workflow import local

local.forkserver.ensure_running = lambda: os.kill(os.getpid(), signal.SIGINT)
local.start_server(warm=False)
print("lost")
"""


def test_ctrl_c_in_the_moment_the_server_starts_is_not_lost() -> None:
    argv = [sys.executable, "-c", HIT_AT_START]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, preexec_fn=take_ctrl_c)
    assert done.returncode == -signal.SIGINT and done.stdout == "" and "KeyboardInterrupt" in done.stderr


def _children(parent: int, what: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            own = int(path.read_text().rpartition(")")[2].split()[1])
            words = path.with_name("cmdline").read_text()
        except OSError:
            continue
        if own == parent and what in words:
            found.append(int(path.parent.name))
    return found
