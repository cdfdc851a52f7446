"""What Python files say of themselves. They are read, and never imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


def reached(path: Path) -> list[Path]:
    """A file and, after it by their paths, those in its folder that it imports, directly or through others.

    The standard library's `modulefinder` does so too, but not for folders without `__init__.py`.
    """
    found, left = {path}, [path]
    while left:
        new = set(_imported(left.pop(), path.parent)) - found
        found |= new
        left += new
    return [path, *sorted(found - {path})]


def _imported(path: Path, root: Path) -> Iterator[Path]:
    """The files below `root` that one of them imports; none if it is no Python, which whoever runs it will say."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    package = path.parent.relative_to(root).parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: max(0, len(package) + 1 - node.level)] if node.level else ()
            module = (*above, *(node.module.split(".") if node.module else ()))
            names = [(*module, alias.name) for alias in node.names]
        else:
            continue
        for name in names:
            for end in range(1, len(name) + 1):
                place = root.joinpath(*name[:end])
                yield from (file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file())
