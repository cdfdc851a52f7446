"""What the benchmarks share: the head of a table, and how a row of repeats is printed."""

from __future__ import annotations

import os
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # a fresh clone, where the kit is not installed


def machine() -> str:
    """Cores, processor, and the widest vector instructions that matter to TensorFlow."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown processor")
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    widest = next((flag for flag in ("avx512_vnni", "avx512f", "avx2") if flag in flags), "")
    return f"{os.cpu_count()} cores of {model} {widest}".strip()


def spread(values: list[float], digits: int = 0) -> str:
    """Median (minimum–maximum)."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"
