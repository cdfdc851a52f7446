"""The short form of `make chaos`: ten kills and a few other faults over small runs, the same each time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_nothing_is_lost_and_no_trace_is_shown() -> None:
    argv = [sys.executable, "-m", "tests.chaos", "--short", "--seed", "7"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1800)
    print(done.stdout)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "14 faults, nothing lost, all results byte-identical" in done.stdout
