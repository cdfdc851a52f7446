"""Stage `bench`: latency and peak memory of a cell's .tflite file, each time in a fresh process of the agent."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from kit.device import process
from kit.errors import KitError
from kit.pipeline.convert import MODEL
from kit.records.run import Run
from kit.records.stage import Stage, Work
from kit.study.cells import Cell
from kit.study.preset import Preset

AGENT = Path(__file__).parent / "agent" / "agent.py"


def _settings(preset: Preset, cell: Cell) -> dict[str, Any]:
    return {**msgspec.to_builtins(preset.bench), "threads": 1, "device": "local"}


def _execute(work: Work) -> dict[str, Any]:
    bench = work.run.preset.bench
    load_before = os.getloadavg()[0]
    samples = []
    for index in range(bench.processes):
        samples.append(_measure(work.path(MODEL), _settings(work.run.preset, work.cell)))
        work.progress(index + 1, bench.processes, "process")
    return {"origin": "host", "samples": samples, "load_before": load_before}


def _measure(model: Path, settings: dict[str, Any]) -> dict[str, Any]:
    command = [
        sys.executable,
        str(AGENT),
        "measure",
        str(model),
        f"--interpreter={settings['interpreter']}",
        f"--threads={settings['threads']}",
        f"--warmup={settings['warmup_inferences']}",
        f"--inferences={settings['inferences']}",
    ]
    done = process.run(command)
    if done.code:
        raise KitError(f"the agent failed on {model} ({done.reason})", "install the extra `bench` and try again")
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _inputs(run: Run, cell: Cell) -> list[Path]:
    return [run.path(cell, MODEL)]


STAGE = Stage(
    name="bench",
    version=1,
    settings=_settings,
    inputs=_inputs,
    outputs=(),
    execute=_execute,
)
