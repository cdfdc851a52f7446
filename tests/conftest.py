"""Tests go through the front door: `kit` as a program, in a folder of its own, on real images."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

KIT = Path(sys.executable).with_name("kit")
CELLS = ("mobilenet_v3_small/s00", "mobilenet_v3_small/s60")


class Kit:
    """The installed program, run in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, *arguments: str, **options: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [KIT, *arguments],
            cwd=self.folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"COLUMNS": "200", "TERM": "dumb"},
            **{"preexec_fn": take_ctrl_c} | options,  # type: ignore[call-overload]
        )

    def __call__(self, *arguments: str, code: int = 0, **options: object) -> str:
        """Run to the end; the exit code must be `code`. Returns what it printed, stdout then stderr."""
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=600)
        assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}"
        return out + err


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """A folder with an uninterrupted run of two variants of the smoke preset, and its report. Tests only read it."""
    made = Kit(tmp_path_factory.mktemp("smoke"))
    made("reproduce", "--preset", "smoke", *CELLS)
    return made


def take_ctrl_c() -> None:
    """Where the tests run in the background, a shell has told them, and so their children, to ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupt(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGINT)
