"""A network and namespaces for an emulated host, made with iproute2 and util-linux."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from kit import process
from kit.errors import KitError


class StandInState(Struct, frozen=True):
    """What is needed to stop it: its network, and the process whose end ends all the others."""

    anchor: int
    network: str
    address: str


def free_network() -> tuple[str, str, str]:
    """A name that is not taken, this machine's address on its /30 network, and the stand-in's."""
    taken = process.run(["ip", "netns", "list"]).stdout
    for index in range(64):
        if f"kitpi{index} " not in taken + " " and f"kitpi{index}\n" not in taken:
            return f"kitpi{index}", f"10.87.{index}.1", f"10.87.{index}.2"
    raise KitError("64 stand-ins are running", "stop one: kit dev pi down")


def make(name: str, near: str) -> None:
    """A network namespace, joined to this machine by a cable. Raises KitError if that is not allowed."""
    for step in (
        ("netns", "add", name),
        ("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name),
        ("address", "add", f"{near}/30", "dev", name),
        ("link", "set", name, "up"),
    ):
        done = process.run(["ip", *step])
        if done.code:
            raise KitError(
                f"no network for the stand-in ({done.reason})", "run it on a machine that allows network namespaces"
            )


def children(pid: int) -> list[int]:
    """The processes that a process started itself."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def first_child(state: StandInState) -> int:
    """The first process inside. Never any other process instead: the caller may be about to kill it."""
    found = children(state.anchor)
    if not found:
        raise KitError("the stand-in has ended", "start it again: kit dev pi up")
    return found[0]


def enter(state: StandInState) -> list[str]:
    """What to put before a program's argv so that it runs inside."""
    return ["nsenter", "--target", str(first_child(state)), "--mount", "--uts", "--ipc", "--net", "--pid", "--"]
