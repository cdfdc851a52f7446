"""The Pi image under emulation gives the host's predictions: all architectures, both interpreters, float32 and int8."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kit.bench.transport import WORKER
from kit.datasets.prepare import load
from kit.study import architectures
from kit.study.architectures import ARCHITECTURES
from tests.e2e.conftest import KIT, Project, run

CHECKED = [(interpreter, precision) for interpreter in ("litert", "tflite") for precision in ("float32", "int8")]


# Under qemu 7.2 ai-edge-litert crashes while it looks for the kind of ARM core; without that folder it does not look.
CONTAINER = (
    "docker",
    "run",
    "--rm",
    "--platform=linux/arm64",
    "--network=none",
    "--read-only",
    "--tmpfs=/sys/devices/system/cpu",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of all architectures, and 200 test images beside it."""
    made = tmp_path_factory.mktemp("pi")
    made.chmod(0o755)
    run(KIT, "train", "--preset", Path(__file__).with_name("pi.toml"), cwd=made)
    run(KIT, "compress", "pi", cwd=made)
    np.save(made / "images.npy", load(made / "data", "digits").test.images[:200])
    return made


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_predictions_on_the_pi_are_the_hosts(project: Project, folder: Path, name: str) -> None:
    labels = load(folder / "data", "digits").test.labels[:200]
    for interpreter, precision in CHECKED:
        arguments = _arguments(name, interpreter, precision)
        host = _first(run(sys.executable, WORKER / "agent.py", *arguments, cwd=folder))
        there = _first(run(*CONTAINER, f"--volume={folder}:/work:ro", "kit-pi:arm64", *arguments, cwd=folder))
        agreement = np.mean([not a.isdisjoint(b) for a, b in zip(host, there, strict=True)])
        right = np.mean([label in first for label, first in zip(labels, host, strict=True)])
        print(f"{name} {interpreter} {precision}: {agreement:.1%} as on the host, {right:.1%} of the digits right")
        assert len(there) == 200
        assert agreement >= 0.99


def _first(said: str) -> list[set[int]]:
    """The classes that share the first place, image by image: a tie that is broken the other way is no difference."""
    return [set(own) for own in _answer(said)["first"]]


def _answer(said: str) -> dict[str, Any]:
    """The agent's JSON; what the interpreter says on stderr comes after it."""
    return dict(json.JSONDecoder().raw_decode(said)[0])


def _arguments(name: str, interpreter: str, precision: str) -> list[str]:
    known = architectures.get(name)
    return [
        "predict", f"runs/pi/{name}@1/s00/{precision}/model.tflite", "images.npy", f"--interpreter={interpreter}",
        f"--scale={known.input_scale!r}", f"--offset={known.input_offset!r}",
    ]  # fmt: skip


def test_the_agent_measures_under_both_interpreters(project: Project, folder: Path) -> None:
    model = "runs/pi/mobilenet_v3_small_minimalistic@1/s00/int8/model.tflite"
    for image, interpreter in (("kit-pi:arm64", "litert"), ("kit-pi:arm64", "tflite"), ("kit-pi:arm64-tflite", "tflite")):
        arguments = ("measure", model, f"--interpreter={interpreter}", "--inferences=5", "--warmup=1")
        said = run(*CONTAINER, f"--volume={folder}:/work:ro", image, *arguments, cwd=folder)
        measured = _answer(said)
        assert len(measured["latency_ns"]) == 5 and measured["peak_rss_bytes"] > measured["base_rss_bytes"]
