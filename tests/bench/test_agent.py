"""The agent in a process of its own, as `kit bench` starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kit.bench.transport import WORKER
from tests.conftest import Kit

MEASURE = """
import json, sys
from pathlib import Path
from latency import Options, Runs, measure

for _ in range(2):  # malloc keeps the second: what is freed once raises the size from which it gives back at once
    b"x" * int(sys.argv[2])
print(json.dumps(measure(Path(sys.argv[1]), Options(sys.argv[3]), Runs(1, 0), Runs(1, 0))))
"""


@pytest.mark.parametrize("interpreter", ["litert", "tflite"])
def test_memory_that_was_freed_before_is_not_counted_as_in_use(smoke: Kit, interpreter: str) -> None:
    model = smoke.folder / "runs" / "smoke" / "mobilenet_v3_small@1" / "s00" / "float32" / "model.tflite"

    def measured(freed_bytes: int) -> dict[str, int]:
        argv = [sys.executable, "-c", MEASURE, str(model), str(freed_bytes), interpreter]
        said = json.loads(subprocess.run(argv, capture_output=True, check=True, cwd=WORKER).stdout)
        return {name: said[name] for name in ("base_rss_bytes", "peak_rss_bytes")}

    plain, after_freeing = measured(0), measured(25_000_000)
    assert plain["peak_rss_bytes"] - plain["base_rss_bytes"] > model.stat().st_size
    assert after_freeing["base_rss_bytes"] == pytest.approx(plain["base_rss_bytes"], abs=2_000_000)


def agent(*arguments: str | Path) -> dict[str, Any]:
    done = subprocess.run([sys.executable, WORKER / "agent.py", *arguments], capture_output=True, check=True)
    return dict(json.loads(done.stdout))


def test_both_the_count_and_the_time_are_reached(tiny: Path) -> None:
    many = agent("measure", tiny, "--warmup=3", "--warmup-seconds=0", "--inferences=70", "--seconds=0")
    assert (len(many["warmup_ns"]), len(many["latency_ns"])) == (3, 70)
    long = agent("measure", tiny, "--warmup=1", "--warmup-seconds=0.2", "--inferences=2", "--seconds=0.4")
    assert len(long["warmup_ns"]) > 1 and sum(long["warmup_ns"]) > 0.1e9
    assert len(long["latency_ns"]) > 2 and sum(long["latency_ns"]) > 0.2e9


@pytest.mark.parametrize("interpreter", ["litert", "tflite"])
def test_how_many_nodes_a_delegate_runs_is_counted(tiny: Path, interpreter: str) -> None:
    def counted(delegate: str) -> tuple[int, int, int]:
        found = agent("measure", tiny, f"--interpreter={interpreter}", f"--delegate={delegate}", "--inferences=1")
        return found["nodes"], found["delegated_nodes"], found["partitions"]

    nodes, *nothing = counted("none")
    assert nodes > 1 and nothing == [0, 0]
    assert counted("xnnpack") == (nodes, nodes, 1), "XNNPACK runs all of a small float32 network"


def test_each_process_has_random_numbers_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy

    monkeypatch.syspath_prepend(WORKER)
    from inputs import random_input

    for dtype, low, high in (
        (numpy.float32, -0.5, 0.5),
        (numpy.uint8, 0, 255),
        (numpy.int8, -128, 127),
        (numpy.int64, 0, 99),
    ):
        first, second = (random_input((1, 32, 32, 3), dtype) for _ in range(2))
        assert first.dtype == dtype and (first != second).any()
        assert low <= first.min() < low + (high - low) / 10 and high - (high - low) / 10 < first.max() <= high
