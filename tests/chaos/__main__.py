"""Hurt small runs again and again, and see that nothing finished is lost and nothing wrong is shown as right.

    python -m tests.chaos --faults 100 --seed 7
    python -m tests.chaos --faults 10 --only kill
    python -m tests.chaos --faults 20 --hosts        with a stand-in for a Raspberry Pi: root, and an engine

It prints what it injects. The same seed injects the same faults at the same moments, as far as the machine is as fast.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos import hosts
from tests.chaos.faults import FAULTS, SHORT, Fault
from tests.chaos.world import UnsoundError, World


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--short", action="store_true", help="10 kills, and one of each of a few others")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--only", action="append", choices=[fault.name for fault in FAULTS], help="repeat for several")
    parser.add_argument(
        "--hosts", action="store_true", help="and measure on a stand-in that is cut off, killed and rebooted"
    )
    options = parser.parse_args()
    say(f"seed {options.seed}")
    with tempfile.TemporaryDirectory(prefix="kit-chaos-") as name:
        try:
            chance = random.Random(options.seed)
            Chaos(Path(name), chance).run(SHORT if options.short else plan(options.faults, options.only, chance))
            if options.hosts:
                hosts.run(Path(name), chance, max(options.faults // 5, 1), say)
        except UnsoundError as error:
            sys.exit(f"UNSOUND (seed {options.seed}): {error}")


def plan(count: int, only: list[str] | None, chance: random.Random) -> list[Fault]:
    """Each kind once, in turn, then at random."""
    kinds = [fault for fault in FAULTS if not only or fault.name in only]
    return [*kinds, *(chance.choice(kinds) for _ in range(count - len(kinds)))][:count]


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


class Chaos:
    """Faults over runs of a small study, one after the other; each run is held to an undisturbed one."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder, self.chance = folder, chance

    def run(self, faults: Sequence[Fault]) -> None:
        with World(self.folder / "undisturbed") as sound:
            begin = time.monotonic()
            sound.start()
            code, said = sound.end()
            if code:
                raise UnsoundError(f"undisturbed, it ends with {code}:\n{said}")
            self.took_s, self.wanted = time.monotonic() - begin, sound.results()
        say(f"undisturbed: {self.took_s:.0f} s, {len(self.wanted)} weights, models and predictions")
        with World(self.folder / "hurt") as world:
            for number, fault in enumerate(faults, 1):
                if fault.needs_root and not world.is_root:
                    say(f"fault {number} is left out, because it needs root: {fault.name}")
                else:
                    self._hurt(world, fault, number)
            self._finish(world)
        say(f"{len(faults)} faults, nothing lost, all results byte-identical")

    def _hurt(self, world: World, fault: Fault, number: int) -> None:
        moment = self.chance.uniform(0.02, fault.latest) * self.took_s
        world.start()
        deadline = time.monotonic() + moment
        while time.monotonic() < deadline and world.process and world.process.poll() is None:
            time.sleep(0.05)
        what, undo = fault.inject(world, self.chance)
        say(f"fault {number} after {moment:.1f} s: {what}")
        try:
            code, said = world.end()
        finally:
            undo()
        last = next((line for line in reversed(said.splitlines()) if line.strip()), "")
        say(f"  ended with {code}: {last[:150]}")
        if code == 0:  # complete: see that it is, then begin anew
            self._finish(world)
            world.clear()

    def _finish(self, world: World) -> None:
        """Undisturbed, the same command ends well; all results are byte-identical, and all records hold."""
        for arguments in ((), ("verify", "chaos")):
            world.start(*arguments)
            code, said = world.end()
            if code:
                raise UnsoundError(f"kit {' '.join(arguments)} does not recover:\n{said}")
        found = world.results()
        if found != self.wanted:
            differ = sorted(name for name in found.keys() | self.wanted.keys() if found.get(name) != self.wanted.get(name))
            raise UnsoundError(f"results differ: {differ}")
        left = [
            path for path in world.run.rglob("*") if path.name.endswith(".partial") or path.name.startswith("checkpoint")
        ]
        if left:
            raise UnsoundError(f"left behind: {left}")


if __name__ == "__main__":
    main()
