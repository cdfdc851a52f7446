"""A stand-in for a Pi, with the kit in front of it, as the tests of hosts use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kit.testing.fakepi import FakePi
from tests.conftest import PATIENCE_S, take_ctrl_c

KIT = Path(sys.executable).with_name("kit")
CELL = "mobilenet_v3_small@1/s00/int8"
TRIAL = ("--protocol", "trial", "--parity", "0")


class Bench:
    """The kit in a folder of its own, told to use the stand-in."""

    def __init__(self, folder: Path, pi: FakePi) -> None:
        self.folder, self.pi = folder, pi

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        env = os.environ | {"COLUMNS": "200", "TERM": "dumb", "KIT_SSH_CONFIG": str(self.pi.config)}
        return subprocess.Popen(
            [KIT, *map(str, arguments)], cwd=self.folder, env=env, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            preexec_fn=take_ctrl_c,  # noqa: PLW1509
        )  # fmt: skip

    def __call__(self, command: str, *arguments: str | Path, code: int = 0, host: str = "pi.local") -> str:
        process = self.start(command, *arguments, "--host", host)
        return end(process, code)

    def error(self, command: str, *arguments: str | Path, host: str = "pi.local") -> str:
        """The one line that it ends with."""
        said = self(command, *arguments, code=1, host=host)
        assert "Traceback" not in said, said
        return next(line for line in said.splitlines() if line.startswith("error: "))

    def journal(self) -> int:
        """How many measurements are kept of a bench that is not at its end."""
        return sum(len(path.read_bytes().splitlines()) - 1 for path in self.folder.glob("runs/**/.bench/*.jsonl"))

    def records(self) -> list[dict]:
        return [json.loads(path.read_bytes()) for path in sorted(self.folder.glob("runs/*/*/*/*/bench.*.json"))]


def end(process: subprocess.Popen[str], code: int = 0, timeout_s: float = PATIENCE_S) -> str:
    out, err = process.communicate(timeout=timeout_s)
    assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}"
    return out + err


def containers(pi: FakePi) -> list[str]:
    return pi.enter("docker", "ps", "--quiet", "--filter", "label=kit.role").stdout.split()


def governors(pi: FakePi) -> set[str]:
    return {path.read_text().strip() for path in pi.sys.glob("devices/system/cpu/cpu*/cpufreq/scaling_governor")}


@contextmanager
def replaced(pi: FakePi, program: str, script: str) -> Iterator[None]:
    """Put a script in the place of one of the stand-in's programs; the program itself is at PROGRAM.real meanwhile."""
    path = pi.tree / program
    real = path.with_name(path.name + ".real")
    path.rename(real)
    path.write_text(script)
    path.chmod(0o755)
    try:
        yield
    finally:
        real.replace(path)
