"""The machines that the head has admitted, and what their records have to say of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from kit import console
from kit.cluster import identity, messages
from kit.cluster.messages import Machine, Welcome
from kit.containers import image


class Admitted(Struct, frozen=True):
    """A worker by the name it was given, and in what it differs from the head."""

    machine: Machine
    differences: tuple[str, ...]


class Machines:
    """With `mixed`, machines that would give other results are admitted too; `tell` takes lines for people."""

    def __init__(self, mixed: bool, tell: Callable[[str], None]) -> None:
        self.mixed, self._tell = mixed, tell
        self._known: dict[str, Admitted] = {}
        self._refused: set[tuple[str, tuple[str, ...]]] = set()

    async def hello(self, machine: bytes) -> bytes:
        """Admit a worker under a name that no other one has, or refuse it."""
        try:
            said = messages.decode(machine, Machine)
        except msgspec.DecodeError:
            return messages.encode(Welcome(differences=("another version of the kit",)))
        differences = identity.differences(identity.traits(), said.traits)
        if differences and not self.mixed:
            if (said.name, differences) not in self._refused:  # a machine's service may try again and again
                self._tell(f"{said.name} is refused, its results would differ: {', '.join(differences)}")
                self._refused.add((said.name, differences))
            return messages.encode(Welcome(differences=differences))
        name = self._free(said.name)
        self._known[name] = Admitted(said, differences)
        with_what = f", although it differs: {', '.join(differences)}" if differences else ""
        self._tell(f"{name} joined with {console.counted(said.slots, 'slot', 'slots')}{with_what}")
        return messages.encode(Welcome(name, differences))

    def _free(self, name: str) -> str:
        names = [name, *(f"{name}#{index}" for index in range(2, len(self._known) + 2))]
        return next(one for one in names if one not in self._known)

    def has(self, name: str) -> bool:
        """Whether a worker was admitted under this name."""
        return name in self._known

    def leave(self, name: str) -> None:
        self._known.pop(name, None)

    def noted(self, name: str, runs: Path) -> dict[str, object]:
        """What a record's environment says besides what its worker knows: the image's ID, which an image does not hold
        itself, and, with `mixed`, in what the machine differs from the head."""
        found = self._known.get(name)
        known: dict[str, object] = {}
        if found is not None and found.machine.traits.get("image") and found.machine.traits["image"] == identity.contents():
            known["image"] = image.identity(runs)
        if self.mixed:
            known["mixed"] = list(found.differences) if found is not None else []
        return known
