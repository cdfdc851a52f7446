"""What Python files say of themselves. They are read, and never imported."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from importlib.util import decode_source
from pathlib import Path

from kit.errors import KitError


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


def may_have(path: Path, name: str) -> bool:
    """Whether a file makes something of this name, as far as can be seen. Raises KitError if it is no Python."""
    try:
        text = decode_source(path.read_bytes())
        taken = [alias for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom) for alias in node.names]
        names = symtable.symtable(text, str(path), "exec").get_symbols()
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        said = str(getattr(error, "msg", error))
        raise KitError(f"{path}{line}: {type(error).__name__}: {said}", f"correct {path}") from error
    made = {one.get_name() for one in names if one.is_assigned() or one.is_imported()}
    return name in made or any(alias.name == "*" for alias in taken)
