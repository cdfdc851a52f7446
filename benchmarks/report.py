"""The report's speed: `kit report` of a run, and how soon the page can be read in Chromium; the median over repeats.

    python benchmarks/report.py runs/paper                  # 56 cells with all seven architectures
    python benchmarks/report.py runs/short --repeats 5
    python benchmarks/report.py --made-up 5                 # 7 networks x 4 sparsities x 2 precisions x 5 seeds, made up

The run is only read, from a copy. The goals: a run of 56 cells written in under 10 s, of 280 in under 15 s; open within 2 s.
*again* is the same report once more, with nothing changed. Beside the seconds: those of the processor, which other work
leaves alone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import machine, spread


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("run", type=Path, nargs="?")
    source.add_argument("--made-up", type=int, metavar="SEEDS", help="measure a made-up run of so many seeds")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run, reports = folder / "runs" / "run", folder / "reports"
        if arguments.run:
            shutil.copytree(arguments.run, run)
        else:
            make_up(run, arguments.made_up)
        written_s, again_s = [], []
        for _ in range(arguments.repeats):
            shutil.rmtree(reports, ignore_errors=True)
            written_s.append(write(folder))
            again_s.append(write(folder))
        page = reports / "run" / "report.html"
        cells = len(list(run.glob("*/s??/*/evaluate.json")))
        print(f"{machine()}; n = {arguments.repeats} repeats, {cells} evaluated cells: median (minimum–maximum)")
        for what, timed in (("kit report", written_s), ("again", again_s)):
            wall_s, processor_s = zip(*timed, strict=True)
            print(f"{what + ', s:':<25}{spread(wall_s, 1)}, processor {spread(processor_s, 1)}")
        print(f"report.html, MB:         {page.stat().st_size / 1e6:.2f}")
        print(f"report.md, kB:           {page.with_suffix('.md').stat().st_size / 1e3:.1f}")
        print(f"page can be read, s:     {spread(opened(page, arguments.repeats), 2)}")


def make_up(run: Path, seeds: int) -> None:
    """A run with as many seeds, of made-up records."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.made_up import make, spread_over_seeds

    make(run, spread_over_seeds, seeds=tuple(range(1, seeds + 1)))


def write(folder: Path) -> tuple[float, float]:
    """Seconds that `kit report` took, and seconds of the processor."""
    started, before = time.perf_counter(), os.times()
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run(
        [sys.executable, "-m", "kit.cli.app", "report", "run"], cwd=folder, env=environment, check=True, capture_output=True
    )
    after = os.times()
    processor_s = after.children_user - before.children_user + after.children_system - before.children_system
    return time.perf_counter() - started, processor_s


def opened(page: Path, repeats: int) -> list[float]:
    """Seconds from the start of the navigation to the end of the page's `load` event, in a fresh context each time."""
    from playwright.sync_api import sync_playwright

    program = os.environ.get("KIT_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    times_s = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for _ in range(repeats):
            context = browser.new_context()
            tab = context.new_page()
            tab.goto(page.as_uri(), wait_until="load")
            times_s.append(tab.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") / 1000)
            context.close()
        browser.close()
    return times_s


if __name__ == "__main__":
    main()
