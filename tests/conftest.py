"""Tests go through the front door: `kit` as a program, in a folder of its own, on real images."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings

settings.register_profile("kit", derandomize=True, database=None)  # `--hypothesis-profile=default` tries other examples
settings.load_profile("kit")

KIT = Path(sys.executable).with_name("kit")
T = TypeVar("T")
PATIENCE_S = 1800  # how long a slow and busy machine may take for anything: only what hangs takes longer
CELLS = ("mobilenet_v3_small@1/s00", "mobilenet_v3_small@1/s60")

TINY = """
import sys
from pathlib import Path

import tensorflow as tf
import tf_keras

layers = tf_keras.layers
model = tf_keras.Sequential([
    layers.Input((8, 8, 3), batch_size=1), layers.Conv2D(4, 3, activation="relu"), layers.DepthwiseConv2D(3),
    layers.GlobalAveragePooling2D(), layers.Dense(10, activation="softmax"),
])
Path(sys.argv[1]).write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
"""


class Kit:
    """The installed program, run in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, *arguments: str, **options: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [KIT, *arguments],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"COLUMNS": "200", "TERM": "dumb"},
            **{"cwd": self.folder, "preexec_fn": take_ctrl_c} | options,  # type: ignore[call-overload]
        )

    def __call__(self, *arguments: str, code: int = 0, **options: object) -> str:
        """Run to the end; the exit code must be `code`. Returns what it printed, stdout then stderr."""
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}"
        return out + err


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


@contextmanager
def made_once(factory: pytest.TempPathFactory, worker_id: str, name: str) -> Iterator[tuple[Path, bool]]:
    """A folder that the processes of a session share, and whether it is still empty: who needs it first fills it."""
    base = factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / name
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "done"
        yield folder, not done.exists()
        done.touch()


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Kit:
    """A folder with an uninterrupted run of two variants of the smoke preset, and its report. Tests only read it."""
    with made_once(tmp_path_factory, worker_id, "smoke") as (folder, is_new):
        if is_new:
            Kit(folder)("reproduce", "--preset", "smoke", *CELLS)
    return Kit(folder)


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder with a .tflite file of each kind that people have elsewhere. Tests only read it."""
    with made_once(tmp_path_factory, worker_id, "foreign") as (folder, is_new):
        if is_new:
            program = Path(__file__).with_name("bench") / "foreign.py"
            subprocess.run([sys.executable, program, folder], check=True, capture_output=True)
    return folder


@pytest.fixture
def endless(kit: Kit) -> str:
    """A preset in the kit's folder that trains until somebody stops it."""
    text = resources.files("kit.study.presets").joinpath("smoke.toml").read_text()
    for few, many in (("\nepochs = 12", "\nepochs = 1_000_000"), ("patience_epochs = 50", "patience_epochs = 1_000_000")):
        assert few in text
        text = text.replace(few, many)
    (kit.folder / "endless.toml").write_text(text)
    return "endless.toml"


def wait_for(what: Callable[[], T]) -> T:
    """What it returns as soon as that is something."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of a few layers as a .tflite file."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.tflite"
    subprocess.run([sys.executable, "-c", TINY, path], check=True, capture_output=True)
    return path


def take_ctrl_c() -> None:
    """Where the tests run in the background, a shell has told them, and so their children, to ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupt(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGINT)
