"""The Pi image under emulation gives the host's predictions: all architectures, both interpreters, float32 and int8."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.device.bench import AGENT
from kit.study.architectures import ARCHITECTURES, architecture
from tests.e2e.conftest import ROOT, Project, run

CHECKED = [(interpreter, precision) for interpreter in ("litert", "tflite") for precision in ("float32", "int8")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("models")
    made.chmod(0o755)
    run(sys.executable, Path(__file__).with_name("models.py"), made, cwd=ROOT, PYTHONPATH=str(ROOT))
    yield made


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_predictions_on_the_pi_are_the_hosts(project: Project, folder: Path, name: str) -> None:
    from kit.pipeline.dataset import load

    labels = load(folder, "digits").test.labels[:200].tolist()
    container = (
        "docker",
        "run",
        "--rm",
        "--platform=linux/arm64",
        "--network=none",
        "--read-only",
        f"--volume={folder}:/work:ro",
    )
    for interpreter, precision in CHECKED:
        arguments = _arguments(name, interpreter, precision)
        host = json.loads(run(sys.executable, AGENT, *arguments, cwd=folder).splitlines()[0])["top1"]
        there = json.loads(run(*container, "kit-pi:arm64", *arguments, cwd=folder).splitlines()[0])["top1"]
        agreement = sum(a == b for a, b in zip(host, there, strict=True)) / len(host)
        right = sum(a == b for a, b in zip(host, labels, strict=True)) / len(host)
        print(f"{name} {interpreter} {precision}: {agreement:.1%} as on the host, {right:.1%} of the digits right")
        assert len(there) == 200
        assert agreement >= 0.99
        assert right > 0.5, "the images must be told apart, or agreement says nothing"


def _arguments(name: str, interpreter: str, precision: str) -> list[str]:
    known = architecture(name)
    return [
        "predict", f"{name}-{precision}.tflite", "images.npy", f"--interpreter={interpreter}",
        f"--scale={known.input_scale!r}", f"--offset={known.input_offset!r}",
    ]  # fmt: skip


def test_the_agent_measures_under_both_interpreters(project: Project, folder: Path) -> None:
    for image, interpreter in (("kit-pi:arm64", "litert"), ("kit-pi:arm64", "tflite"), ("kit-pi:arm64-tflite", "tflite")):
        said = run("docker", "run", "--rm", "--platform=linux/arm64", f"--volume={folder}:/work:ro", image,
                   "measure", "mobilenet_v3_small_minimalistic-int8.tflite", f"--interpreter={interpreter}",
                   "--inferences=5", "--warmup=1", cwd=folder)  # fmt: skip
        measured = json.loads(said.splitlines()[0])
        assert len(measured["latency_ns"]) == 5 and measured["peak_rss_bytes"] > measured["base_rss_bytes"]
