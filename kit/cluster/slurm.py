"""Workers as an array of Slurm jobs. Slurm only starts and ends them; work comes from the head, as for any other."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from kit import console, process
from kit.errors import KitError

_CANCELS_WITHIN_S = 60.0
_EXAMPLE = 'head = "tcp://login1:8786"'


class Slurm(Struct, frozen=True, forbid_unknown_fields=True):
    """`slurm.toml`: where the head listens, as nodes know it; how many jobs, with how many `slots` (cores) each; and what
    else `sbatch` is given, such as `["--partition=short", "--mem-per-cpu=2G"]`."""

    head: str
    workers: int
    slots: int = 1
    time: str = "08:00:00"
    options: tuple[str, ...] = ()
    cache: str = ""


def load(path: Path) -> Slurm:
    """Raises KitError naming what is wrong in it."""
    try:
        wanted = msgspec.toml.decode(path.read_bytes(), type=Slurm)
    except FileNotFoundError:
        raise KitError(f"no {path}", f"write one, beginning with {_EXAMPLE}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise KitError(f"{path} cannot be read", str(error)) from error
    if wanted.workers < 1 or wanted.slots < 1:
        raise KitError(f"{path} wants no workers", "give workers and slots at least 1")
    return wanted


def command(wanted: Slurm, join: Sequence[str]) -> list[str]:
    """`sbatch` with all that it needs; `join` is what a worker joins with. Its jobs end by themselves with the head, and do
    not come back: Slurm would send each of them to another node again and again."""
    cache = ["--cache", wanted.cache] if wanted.cache else []
    worker = shlex.join([*join, "--slots", str(wanted.slots), *cache])
    return [
        "sbatch", "--parsable", "--job-name=kit-worker", f"--array=1-{wanted.workers}", "--ntasks=1",
        f"--cpus-per-task={wanted.slots}", f"--time={wanted.time}", "--output=/dev/null",
        *wanted.options, f"--wrap={worker}",
    ]  # fmt: skip


@contextmanager
def submitted(wanted: Slurm, join: Sequence[str]) -> Iterator[str]:
    """Submit the jobs, and cancel what is left of them at the end. Gives their number. Raises KitError if Slurm refuses."""
    done = process.run(command(wanted, join))
    if done.code:
        raise KitError(f"Slurm refuses the workers ({done.reason})", "see `options` in the cluster's file")
    number = done.stdout.strip().partition(";")[0]
    try:
        yield number
    finally:
        _cancel(number)


def _cancel(number: str) -> None:
    """A run does not fail for this: workers that find no head end by themselves."""
    try:
        is_cancelled = process.run(["scancel", number], timeout_s=_CANCELS_WITHIN_S).code == 0
    except KitError:
        is_cancelled = False
    if not is_cancelled:
        console.say(f"Slurm did not cancel the workers, which end by themselves in a few minutes: scancel {number}")
