"""What is done to a run. Each fault says what it did; `undo` makes the machine sound again, but not the run.

Real: kills and signals; a file system that is full (a small tmpfs, made smaller); a limit on the size of
files; modes of files, without root's right to ignore them; truncated and deleted files; on the stand-in, a cut link, a
killed engine and a reboot. Made up: an I/O error (a file replaced by one that the kernel refuses to read with EIO), and a
clock that jumps (for the kit's own processes, not for the machine).
"""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.world import SIZE_MB, World

Undo = Callable[[], object]


def nothing() -> None:
    pass


@dataclass(frozen=True)
class Fault:
    """`inject` hurts a running kit, and returns what it did and how to undo what is not the run's own to repair.

    `latest` is when, as a share of the time that an undisturbed run takes.
    """

    name: str
    inject: Callable[[World, random.Random], tuple[str, Undo]]
    needs_root: bool = False
    latest: float = 0.8


def _signal(number: signal.Signals) -> Callable[[World, random.Random], tuple[str, Undo]]:
    def inject(world: World, chance: random.Random) -> tuple[str, Undo]:
        pids = world.pids() if number == signal.SIGKILL else world.pids()[:1]
        index = chance.randrange(len(pids))
        said = _command(pids[index])
        with suppress(ProcessLookupError):
            os.kill(pids[index], number)
        return f"{number.name} to process {index} of {len(pids)} ({said})", nothing

    return inject


_KNOWN = ("forkserver", "resource_tracker", "monitor", "agent", "kit ")


def _command(pid: int) -> str:
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return next(
            (name for name in ("forkserver", "resource_tracker", "monitor", "agent", "kit ") if name in words), "other"
        )
    return "gone"


def _full(world: World, chance: random.Random) -> tuple[str, Undo]:
    used = os.statvfs(world.runs)
    used_kb = (used.f_blocks - used.f_bfree) * used.f_frsize // 1024
    left_kb = chance.choice([0, 4, 64, 1024])
    _resize(world, f"{used_kb + left_kb}k")
    return f"ENOSPC: {left_kb} kB are left", lambda: _resize(world, f"{SIZE_MB}m")


def _resize(world: World, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", world.runs], check=False, capture_output=True)


def _limit(kind: int, name: str, values: tuple[int, ...]) -> Callable[[World, random.Random], tuple[str, Undo]]:
    def inject(world: World, chance: random.Random) -> tuple[str, Undo]:
        value = chance.choice(values)
        for pid in world.pids():
            with suppress(ProcessLookupError, PermissionError, ValueError):
                resource.prlimit(pid, kind, (value, resource.prlimit(pid, kind)[1]))
        return f"{name} {value}", nothing

    return inject


def _forbidden(world: World, chance: random.Random) -> tuple[str, Undo]:
    found = [world.run, *sorted(path for path in world.run.rglob("*") if not path.name.startswith("."))]
    path = chance.choice([one for one in found if one.exists()] or [world.runs])
    mode = path.stat().st_mode
    path.chmod(0)

    def undo() -> None:
        if path.exists():
            path.chmod(mode & 0o7777)

    return f"EACCES: mode 000 for {path.relative_to(world.runs)}", undo


def _unreadable(world: World, chance: random.Random) -> tuple[str, Undo]:
    if not world.files():
        return "EIO: there is no file yet", nothing
    path = chance.choice(world.files())
    content = path.read_bytes()
    path.unlink()
    path.symlink_to("/proc/self/mem")  # whose first page no process has: read() gives EIO

    def undo() -> None:
        if path.is_symlink():
            path.unlink()
            path.write_bytes(content)

    return f"EIO: {path.relative_to(world.run)}", undo


def _truncated(world: World, chance: random.Random) -> tuple[str, Undo]:
    if not world.files():
        return "truncated: there is no file yet", nothing
    path = chance.choice(world.files())
    size = chance.randrange(path.stat().st_size + 1)
    os.truncate(path, size)
    return f"truncated to {size} bytes: {path.relative_to(world.run)}", nothing


def _deleted(world: World, chance: random.Random) -> tuple[str, Undo]:
    if not world.files():
        return "deleted: there is no file yet", nothing
    path = chance.choice(world.files())
    path.unlink()
    return f"deleted: {path.relative_to(world.run)}", nothing


def _clock(world: World, chance: random.Random) -> tuple[str, Undo]:
    seconds = chance.choice([-1e9, -86_400.0, -61.0, 61.0, 86_400.0, 1e9])
    clock = world.folder / "clock"
    clock.write_text(str(seconds))
    return f"the clock jumps by {seconds:+,.0f} s", lambda: clock.unlink(missing_ok=True)


KILL = Fault("kill", _signal(signal.SIGKILL), latest=0.5)
FAULTS = (
    KILL,
    Fault("stop", _signal(signal.SIGTERM)),
    Fault("interrupt", _signal(signal.SIGINT)),
    Fault("full", _full, needs_root=True),
    Fault("big", _limit(resource.RLIMIT_FSIZE, "EFBIG: RLIMIT_FSIZE", (0, 1000, 100_000))),
    Fault("forbidden", _forbidden),
    Fault("unreadable", _unreadable),
    Fault("truncated", _truncated),
    Fault("deleted", _deleted),
    Fault("clock", _clock),
)
_BY_NAME = {fault.name: fault for fault in FAULTS}
SHORT = (*[KILL] * 10, *(_BY_NAME[name] for name in ("full", "forbidden", "unreadable", "truncated")))
