"""The report's speed: `kit report` of a run, and how soon the page can be read in Chromium; the median over repeats.

    python benchmarks/report.py runs/paper                  # 56 cells with all seven architectures
    python benchmarks/report.py runs/short --repeats 5

The run is only read, from a copy. The goals: written in under 10 s, open within 2 s.
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
    parser.add_argument("run", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(arguments.run, folder / "runs" / "run")
        written_s = [write(folder) for _ in range(arguments.repeats)]
        page = folder / "reports" / "run" / "report.html"
        cells = len(list((folder / "runs" / "run").glob("*/s??/*/evaluate.json")))
        print(f"{machine()}; n = {arguments.repeats} repeats, {cells} evaluated cells: median (minimum–maximum)")
        print(f"kit report, s:           {spread(written_s, 1)}")
        print(f"report.html, MB:         {page.stat().st_size / 1e6:.2f}")
        print(f"page can be read, s:     {spread(opened(page, arguments.repeats), 2)}")


def write(folder: Path) -> float:
    started = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run(
        [sys.executable, "-m", "kit.cli", "report", "run"], cwd=folder, env=environment, check=True, capture_output=True
    )
    return time.perf_counter() - started


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
