"""What a bench shows: the matrix with what is left, and a line for each end."""

from __future__ import annotations

import pytest
from rich.console import Console

from kit.bench.progress import Progress
from kit.bench.view import BenchView

COLUMNS = [("pi4", "tflite-t1-rigorous"), ("pi5", "tflite-t1-rigorous")]


def shown(view: BenchView) -> str:
    console = Console(width=150, color_system=None)
    with console.capture() as capture:
        console.print(view.render())
    return capture.get()


def test_the_matrix_counts_processes_on_each_host(capsys: pytest.CaptureFixture[str]) -> None:
    view = BenchView(["a/s00/int8", "b/s00/int8"], COLUMNS, 5)
    view(Progress("pi5", "", "image", "sending", 1_000_000, 4_100_000, 3.1e6))
    assert "pi5: sends image, 1.0 of 4.1 MB, 3.1 MB/s, about 1 s left" in shown(view)
    view(Progress("pi4", "tflite-t1-rigorous", "a/s00/int8", "fresh", 0, 0))
    view(Progress("pi4", "tflite-t1-rigorous", "b/s00/int8", "running", 3, 5))
    view(Progress("pi5", "tflite-t1-rigorous", "a/s00/int8", "running", 0, 5))
    view(Progress("pi5", "tflite-t1-rigorous", "a/s00/int8", "waiting", 1, 5))
    view(Progress("pi5", "tflite-t1-rigorous", "b/s00/int8", "failed", 0, 5))
    said = shown(view)
    header, first, second, *_ = said.splitlines()
    assert "pi4 tflite-t1-rigorous" in header and "pi5 tflite-t1-rigorous" in header
    assert first.split() == ["a/s00/int8", "=", "1/5"] and second.split() == ["b/s00/int8", "▸", "3/5", "✗"]
    assert "14/20 processes, about " in said and "sends" not in said
    assert "pi5 tflite-t1-rigorous b/s00/int8 failed" in capsys.readouterr().out
