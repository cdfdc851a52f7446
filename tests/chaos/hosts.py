"""Faults of a host while it is measured on: its link, its engine and itself."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kit.containers import build
from kit.testing.fakepi import FakePi
from tests.chaos.world import UnsoundError, World

ROOT = Path(__file__).parents[2]


@contextmanager
def _cut(pi: FakePi) -> Iterator[None]:
    pi.cut()
    yield
    pi.cut(False)


@contextmanager
def _engine(pi: FakePi) -> Iterator[None]:
    pi.kill_engine()
    yield
    pi.start_engine()


@contextmanager
def _reboot(pi: FakePi) -> Iterator[None]:
    pi.down()
    yield
    pi.up()


FAULTS = {"the link is cut": _cut, "the engine is killed": _engine, "it reboots": _reboot}


def run(folder: Path, chance: random.Random, count: int, say: Callable[[str], object]) -> None:
    """Measure one run on a stand-in, hurt `count` times. Raises UnsoundError if it does not come to records that hold."""
    build.build_all("pi", ["linux/arm64"], build.Order(ROOT, folder / "images", registry=False), lambda line: None)
    pi = FakePi(folder / "pi")
    pi.up()
    try:
        with World(folder / "measured") as world:
            world.start()
            world.end()
            argv = ("bench", "chaos", "--host", "pi.local", "--ssh-config", str(pi.config), "--protocol", "trial")
            for number in range(1, count + 1):
                moment, name = chance.uniform(1, 40), chance.choice(list(FAULTS))
                world.start(*argv)
                time.sleep(moment)
                say(f"host fault {number} after {moment:.1f} s: {name}")
                with FAULTS[name](pi):
                    code, said = world.end()
                say(f"  ended with {code}: {said.splitlines()[-1][:150] if said else ''}")
            world.start(*argv)
            code, said = world.end()
            governors = {path.read_text().strip() for path in pi.sys.glob("devices/system/cpu/*/cpufreq/scaling_governor")}
            if (
                code
                or governors != {"ondemand"}
                or len(list(world.run.rglob("bench.pi.local-*.json"))) != len(list(world.run.rglob("*.tflite")))
            ):
                raise UnsoundError(f"the host is not measured to the end, governor {governors}:\n{said}")
    finally:
        pi.down()
        shutil.rmtree(folder / "pi", ignore_errors=True)
