"""How much memory this process may use: the machine's, or what its control groups leave of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def available_bytes(root: Path = Path("/")) -> int:
    """The smallest of the machine's memory and the limits of the process's control groups (versions 1 and 2)."""
    return min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_limits(root)])


def _limits(root: Path) -> Iterator[int]:
    try:
        lines = (root / "proc/self/cgroup").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, own = rest.partition(":")
        if controllers in ("", "memory"):
            place, name = ("", "memory.max") if not controllers else ("memory", "memory.limit_in_bytes")
            yield from _upwards(root / "sys/fs/cgroup" / place, own.strip("/"), name)


def _upwards(top: Path, own: str, name: str) -> Iterator[int]:
    """The limits of a group and of those above it; a container may see its own group as the top."""
    parts = own.split("/") if own else []
    for depth in range(len(parts), -1, -1):
        try:
            text = top.joinpath(*parts[:depth], name).read_text(errors="replace").strip()
        except (OSError, ValueError):
            continue
        if text.isascii() and text.isdigit() and int(text) > 0:
            yield int(text)
