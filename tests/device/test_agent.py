"""The agent in a process of its own, as `kit bench` starts it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import Kit

MEASURE = """
import json, sys
from pathlib import Path
from kit.device.agent import agent

for _ in range(2):  # malloc keeps the second: what is freed once raises the size from which it gives back at once
    b"x" * int(sys.argv[2])
print(json.dumps(agent.measure(Path(sys.argv[1]), sys.argv[3], 1, 1, 1)))
"""


@pytest.mark.parametrize("interpreter", ["litert", "tflite"])
def test_memory_that_was_freed_before_is_not_counted_as_in_use(smoke: Kit, interpreter: str) -> None:
    model = smoke.folder / "runs" / "smoke" / "mobilenet_v3_small" / "s00" / "float32" / "model.tflite"

    def measured(freed_bytes: int) -> dict[str, int]:
        argv = [sys.executable, "-c", MEASURE, str(model), str(freed_bytes), interpreter]
        said = json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)
        return {name: said[name] for name in ("base_rss_bytes", "peak_rss_bytes")}

    plain, after_freeing = measured(0), measured(25_000_000)
    assert plain["peak_rss_bytes"] - plain["base_rss_bytes"] > model.stat().st_size
    assert after_freeing["base_rss_bytes"] == pytest.approx(plain["base_rss_bytes"], abs=2_000_000)
