#!/usr/bin/env python3
"""Watch over measurements on this device: `serve` runs the agent's commands one after the other, as lines on stdin ask for
them, each in a fresh process, and reads temperature, clock, governor and throttling meanwhile; `govern` sets the governor
and the highest clock, and restores the previous ones. Both end when nobody has said anything for a while: whoever asked for
them is gone.

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

from device import DeviceState, text_of

AGENT = Path(__file__).with_name("agent.py")


def listen(lines: "queue.Queue[str]", patience_s: float) -> None:
    """Put each line of stdin into `lines`, and an empty one at its end, or when nothing has come for `patience_s`."""
    rest = b""
    while select.select([0], [], [], patience_s)[0]:
        read = os.read(0, 65536)
        if not read:
            break
        *whole, rest = (rest + read).split(b"\n")
        for line in filter(None, whole):
            lines.put(line.decode(errors="replace"))
    lines.put("")


def serve(device: DeviceState, patience_s: float, poll_s: float) -> None:
    """Answer each line of stdin, a JSON list of the agent's arguments, with one line: how that ended, and the readings.

    `[]` asks for a reading alone, `["beat"]` for nothing: it only says that somebody is there. A running measurement ends
    with it, also on SIGTERM and Ctrl-C.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _end(0))
    lines: queue.Queue[str] = queue.Queue()
    asked: queue.Queue[str] = queue.Queue()
    threading.Thread(target=listen, args=(lines, patience_s), daemon=True).start()
    threading.Thread(target=_answer, args=(device, asked, poll_s), daemon=True).start()
    while line := lines.get():
        if line != '["beat"]':
            asked.put(line)
    _end(0)


_running: list["subprocess.Popen[bytes]"] = []


def _end(code: int) -> None:
    for process in _running:
        process.kill()
    os._exit(code)


def _answer(device: DeviceState, asked: "queue.Queue[str]", poll_s: float) -> None:
    """Nobody else answers: if this fails, all of it ends, and the last line of stderr says why."""
    try:
        while True:
            arguments = json.loads(asked.get())
            found = _watched(device, arguments, poll_s) if arguments else {"reading": device.read()}
            print(json.dumps(found), flush=True)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        _end(1)


def _watched(device: DeviceState, arguments: list[str], poll_s: float, every_s: float = 0.5) -> dict[str, object]:
    """The kernel fills the file of throttling bits only when its own driver looks, every two seconds: the last reading
    takes what the next look, `poll_s` later, has found."""
    before, during = device.read(), []
    argv = [sys.executable, str(AGENT), *arguments]
    with subprocess.Popen(  # noqa: S603 - the agent, with arguments that came as a list
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        _running[:] = [process]
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(every_s):
                during.append(device.read())

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        out, err = process.communicate()
        ended.set()
        watcher.join()
    _running.clear()
    after = device.read()
    bits = after["throttled"]
    if device.throttled is not None and isinstance(bits, int):
        time.sleep(poll_s)
        after["throttled"] = bits | (device.bits() or 0)
    readings = {"before": before, "during": during, "after": after}
    return {
        "code": process.returncode,
        "out": out.decode(errors="replace"),
        "err": err.decode(errors="replace"),
        "readings": readings,
    }


def govern(wanted: "dict[str, str]", state: Path, patience_s: float) -> None:
    """Write the `wanted` contents to the kernel's files until stdin ends or falls silent; none: only put back what a killed
    call left.

    The previous ones are written to `state` first, so that a later call can put them back if this one is killed.
    """
    previous = _left(state)
    if wanted:
        previous = {**{path: text_of(Path(path)) for path in wanted}, **previous}
        _keep(state, previous)
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(_restore(previous, state)))
        refused = [path for path, text in wanted.items() if not _set(Path(path), text)]
        print(json.dumps({"previous": previous, "refused": refused}), flush=True)
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=listen, args=(lines, patience_s), daemon=True).start()
        while lines.get():
            pass
    _restore(previous, state)
    print(json.dumps({"restored": previous}), flush=True)


def _left(state: Path) -> "dict[str, str]":
    """What a killed call noted; nothing if that is no note of ours."""
    try:
        noted = json.loads(state.read_bytes())
    except (OSError, ValueError):
        return {}
    entries = noted.items() if isinstance(noted, dict) else ()
    names = ("scaling_governor", "scaling_max_freq")
    return {path: text for path, text in entries if Path(path).name in names and isinstance(text, str)}


def _keep(state: Path, previous: dict[str, str]) -> None:
    partial = state.with_name(state.name + ".partial")
    with partial.open("w") as stream:
        json.dump(previous, stream)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(state)


def _restore(previous: dict[str, str], state: Path) -> int:
    for path, text in previous.items():
        _set(Path(path), text)
    state.unlink(missing_ok=True)
    return 0


def _set(path: Path, text: str) -> bool:
    try:
        path.write_text(text)
    except OSError:
        return False
    return text_of(path) == text


def main() -> None:
    options = parser().parse_args()
    device = DeviceState(options.sys)
    if options.command == "serve":
        serve(device, options.patience, options.poll)
    else:
        wanted = device.wanted(options.governor, options.clock_khz) if options.governor else {}
        govern(wanted, options.state, options.patience)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = made.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="do the agent's commands, and watch the device meanwhile")
    governing = commands.add_parser("govern", help="set the governor until stdin ends, then put the previous one back")
    governing.add_argument("--governor", default="", help="empty: restore the one from before an earlier call")
    serving.add_argument("--poll", type=float, default=2.2, help="seconds until the kernel has looked at the firmware again")
    governing.add_argument("--clock-khz", type=int, default=0, help="the highest clock meanwhile; 0: as it is")
    governing.add_argument("--state", type=Path, required=True, help="where the previous one is kept meanwhile")
    for command in (serving, governing):
        command.add_argument("--sys", type=Path, default=Path("/sys"))
        command.add_argument("--patience", type=float, default=30.0, help="seconds of silence after which it ends")
    return made


if __name__ == "__main__":
    main()
