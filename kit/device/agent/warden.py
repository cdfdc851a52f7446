#!/usr/bin/env python3
"""Watch over measurements on this device: `serve` runs the agent's commands one after the other, as lines on stdin ask for
them, each in a fresh process, and reads temperature, clock, governor and throttling meanwhile; `govern` sets the governor,
and puts the previous one back. Both end when nobody has said anything for a while: what asked for them is gone then.

Needs the standard library alone.
"""

import argparse
import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

AGENT = Path(__file__).with_name("agent.py")


class Device:
    """What the kernel and the firmware say about the device; `root` is where its /sys is."""

    def __init__(self, root: Path) -> None:
        self.cpus = sorted(root.glob("devices/system/cpu/cpu[0-9]*/cpufreq"))
        self.throttled = root / "devices/platform/soc/soc:firmware/get_throttled"
        self.temperature = root / "class/thermal/thermal_zone0/temp"

    def read(self) -> dict[str, Any]:
        """None for what this device does not tell. `throttled` are the firmware's bits, clocks are in kHz."""
        throttled, temperature = _text(self.throttled), _text(self.temperature)
        return {
            "throttled": int(throttled, 16) if throttled else None,
            "temperature_c": int(temperature) / 1000 if temperature else None,
            "clock_khz": [_number(cpu / "scaling_cur_freq") for cpu in self.cpus],
            "max_clock_khz": [_number(cpu / "scaling_max_freq") for cpu in self.cpus],
            "governor": _text(self.cpus[0] / "scaling_governor") if self.cpus else None,
            "load": os.getloadavg()[0],
            "time": round(time.time(), 3),
        }

    def governors(self) -> dict[str, str]:
        return {str(cpu / "scaling_governor"): _text(cpu / "scaling_governor") for cpu in self.cpus}


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _number(path: Path) -> int:
    return int(_text(path) or 0)


def listen(lines: "queue.Queue[str]", patience_s: float) -> None:
    """Put each line of stdin into `lines`, and an empty one at its end, or when nothing has come for `patience_s`."""
    rest = b""
    while select.select([0], [], [], patience_s)[0]:
        read = os.read(0, 65536)
        if not read:
            break
        *whole, rest = (rest + read).split(b"\n")
        for line in filter(None, whole):
            lines.put(line.decode())
    lines.put("")


def serve(root: Path, patience_s: float) -> None:
    """Answer each line of stdin, a JSON list of the agent's arguments, with one line: how that ended, and the readings.

    `[]` asks for a reading alone, `["beat"]` for nothing: it only says that somebody is there.
    """
    lines: queue.Queue[str] = queue.Queue()
    asked: queue.Queue[str] = queue.Queue()
    threading.Thread(target=listen, args=(lines, patience_s), daemon=True).start()
    threading.Thread(target=_answer, args=(Device(root), asked), daemon=True).start()
    while line := lines.get():
        if line != '["beat"]':
            asked.put(line)
    os._exit(0)  # as the container's first process it takes a running measurement with it


def _answer(device: Device, asked: "queue.Queue[str]") -> None:
    while True:
        arguments = json.loads(asked.get())
        print(json.dumps(_watched(device, arguments) if arguments else {"gate": device.read()}), flush=True)


def _watched(device: Device, arguments: list[str], every_s: float = 0.5) -> dict[str, Any]:
    before, during = device.read(), []
    argv = [sys.executable, str(AGENT), *arguments]
    with subprocess.Popen(  # noqa: S603 - the agent, with arguments that came as a list
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(every_s):
                during.append(device.read())

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        out, err = process.communicate()
        ended.set()
        watcher.join()
    gate = {"before": before, "during": during, "after": device.read()}
    return {"code": process.returncode, "out": out.decode(), "err": err.decode(errors="replace"), "gate": gate}


def govern(root: Path, wanted: str, state: Path, patience_s: float) -> None:
    """Set the governor to `wanted` until stdin ends or falls silent; empty: only put back what a killed call left.

    The previous one is written to `state` first, so that a later call can put it back if this one is killed.
    """
    previous = json.loads(_text(state) or "{}")
    if wanted:
        previous = previous or Device(root).governors()
        _keep(state, previous)
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(_restore(previous, state)))
        refused = [path for path in previous if not _set(Path(path), wanted)]
        print(json.dumps({"previous": previous, "refused": refused}), flush=True)
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=listen, args=(lines, patience_s), daemon=True).start()
        while lines.get():
            pass
    _restore(previous, state)
    print(json.dumps({"restored": previous}), flush=True)


def _keep(state: Path, previous: dict[str, str]) -> None:
    partial = state.with_name(state.name + ".partial")
    partial.write_text(json.dumps(previous))
    partial.replace(state)


def _restore(previous: dict[str, str], state: Path) -> int:
    for path, governor in previous.items():
        _set(Path(path), governor)
    state.unlink(missing_ok=True)
    return 0


def _set(path: Path, governor: str) -> bool:
    try:
        path.write_text(governor)
    except OSError:
        return False
    return _text(path) == governor


def main() -> None:
    options = parser().parse_args()
    if options.command == "serve":
        serve(options.sys, options.patience)
    else:
        govern(options.sys, options.governor, options.state, options.patience)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = made.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="do the agent's commands, and watch the device meanwhile")
    governing = commands.add_parser("govern", help="set the governor until stdin ends, then put the previous one back")
    governing.add_argument("--governor", default="", help="nothing: put back what an earlier call left")
    governing.add_argument("--state", type=Path, required=True, help="where the previous one is kept meanwhile")
    for command in (serving, governing):
        command.add_argument("--sys", type=Path, default=Path("/sys"))
        command.add_argument("--patience", type=float, default=30.0, help="seconds of silence after which it ends")
    return made


if __name__ == "__main__":
    main()
