"""Stages `bench` (LiteRT) and `bench-tflite` (tflite-runtime, the study's): latency and peak memory of a cell's .tflite file
on this machine, each time in a fresh process of the agent."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from kit.device import process
from kit.errors import KitError, unknown
from kit.pipeline.convert import MODEL
from kit.records.run import Run
from kit.records.stage import Stage, Work
from kit.study.cells import Cell
from kit.study.preset import Preset

AGENT = Path(__file__).parent / "agent" / "agent.py"


def stage_of(interpreter: str) -> str:
    """The stage that measures with an interpreter, by its name. Raises KitError for an unknown one."""
    if interpreter not in STAGES:
        raise unknown("interpreter", interpreter, STAGES)
    return STAGES[interpreter].name


def _settings(interpreter: str, preset: Preset, cell: Cell) -> dict[str, Any]:
    return {**msgspec.to_builtins(preset.bench), "interpreter": interpreter, "threads": 1, "device": "local"}


def _execute(interpreter: str, work: Work) -> dict[str, Any]:
    bench = work.run.preset.bench
    settings = _settings(interpreter, work.run.preset, work.cell)
    load_before = os.getloadavg()[0]
    samples = []
    for index in range(bench.processes):
        samples.append(_measure(work.path(MODEL), settings))
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


def _stage(name: str, interpreter: str) -> Stage:
    return Stage(
        name=name,
        version=2,
        settings=partial(_settings, interpreter),
        inputs=_inputs,
        outputs=(),
        execute=partial(_execute, interpreter),
    )


STAGES = {"litert": _stage("bench", "litert"), "tflite": _stage("bench-tflite", "tflite")}
