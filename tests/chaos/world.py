"""A small study that can be started, hurt and finished: its folder, its processes, and what its output may look like."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

KIT = Path(sys.executable).with_name("kit")
PRESET = Path(__file__).with_name("chaos.toml")
SITE = Path(__file__).with_name("site")
PATIENCE_S = 900.0
SIZE_MB = 256
RESULTS = (".tflite", ".safetensors")  # weights, models and predictions


class UnsoundError(Exception):
    """What must never happen, whatever was injected."""


class World:
    """Runs of the preset in `folder`. As root, `runs` lies on a small file system of its own, and modes of files count."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = folder / "runs"
        self.process: subprocess.Popen[str] | None = None
        self.is_root = os.geteuid() == 0

    def __enter__(self) -> World:
        self.runs.mkdir(parents=True)
        if self.is_root:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "chaos", self.runs], check=True)
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()
        if self.is_root:
            subprocess.run(["umount", "--lazy", self.runs], check=True)

    @property
    def run(self) -> Path:
        return self.runs / "chaos"

    def argv(self, *arguments: str) -> list[str]:
        """The kit, without root's right to ignore the modes of files."""
        drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"] if self.is_root else []
        return [*drop, str(KIT), *arguments]

    def start(self, *arguments: str) -> None:
        path = os.pathsep.join([str(SITE), *filter(None, [os.environ.get("PYTHONPATH")])])
        env = os.environ | {"TERM": "dumb", "PYTHONPATH": path, "KIT_CHAOS_CLOCK": str(self.folder / "clock")}
        self.process = subprocess.Popen(
            self.argv(*(arguments or ("reproduce", "--preset", str(PRESET)))), cwd=self.folder, env=env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def end(self) -> tuple[int, str]:
        """Wait for the kit's end. Returns its exit code and all that it said. Raises UnsoundError if it hangs or says what
        it must not."""
        assert self.process is not None
        pids = self.pids()
        try:
            out, err = self.process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.stop()
            raise UnsoundError(f"it did not end within {PATIENCE_S:.0f} s") from None
        deadline = time.monotonic() + 60
        while any(Path(f"/proc/{pid}").exists() for pid in pids):  # its workers see that it is gone
            if time.monotonic() > deadline:
                raise UnsoundError(f"processes outlived it: {pids}")
            time.sleep(0.05)
        _require_form(self.process.returncode, out, err)
        return self.process.returncode, out + err

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()

    def pids(self) -> list[int]:
        """The kit and all that it started, in a fixed order."""
        assert self.process is not None
        return [self.process.pid, *descendants(self.process.pid)]

    def files(self) -> list[Path]:
        """Whatever the run has finished, in a fixed order."""
        kept = (*RESULTS, ".json")
        return sorted(path for path in self.run.rglob("*") if path.suffix in kept and path.is_file() and path.name[0] != ".")

    def results(self) -> dict[str, str]:
        """The SHA-256 of weights, models and predictions."""
        found = [path for path in self.files() if path.suffix in RESULTS]
        return {str(path.relative_to(self.run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}

    def clear(self) -> None:
        shutil.rmtree(self.run, ignore_errors=True)


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with suppress(OSError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return [one for child in found for one in (child, *descendants(child))]


_LINE_OF_AN_ERROR = re.compile(r"error: \S.*")
_TRACES = re.compile(r"Traceback|^\w*(Error|Exception)\b|Fatal Python|core dumped|Aborted", re.M)
_ENDS = {0, 1, 130, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT}


def _require_form(code: int, out: str, err: str) -> None:
    """Each line is a normal one or an error in the kit's form, and the exit code says which."""
    if _TRACES.search(out + "\n" + err):
        raise UnsoundError(f"a trace:\n{out}\n{err}")
    lines = [line for line in err.splitlines() if line.strip()]
    if not all(_LINE_OF_AN_ERROR.fullmatch(line) for line in lines):
        raise UnsoundError(f"a line on stderr that is no error of ours:\n{err}")
    if code not in _ENDS or (code in (1, 130)) != bool(lines):
        raise UnsoundError(f"exit code {code} with:\n{err}")
