"""Data flows one way: imports point down, and what is light stays light."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

import kit

ROOT = Path(kit.__file__).parent
LAYERS = {
    "cli": 8,
    "hosts": 7,
    "dev": 7,
    "actions": 6,
    "options": 6,
    "doctor": 5,
    "runner": 5,
    "report": 4,
    "device": 4,
    "pipeline": 3,
    "records": 2,
    "study": 1,
    "console": 1,
    "errors": 0,
    "__init__": 0,
}


def layer_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports(path: Path) -> list[str]:
    """The kit's modules that a file imports, by their full names; a name taken from one stands for its module."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [name if is_module(name := f"{node.module}.{a.name}") else node.module for a in node.names]
    return [name for name in found if name.split(".")[0] == "kit"]


def is_module(name: str) -> bool:
    path = ROOT.parent / name.replace(".", "/")
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    relative = path.relative_to(ROOT)
    own = relative.parts[0].removesuffix(".py")
    for name in imports(path):
        target = layer_of(name)
        if own == "runner" and target == "console":
            continue
        assert LAYERS[target] < LAYERS[own] or target == own, f"{relative} imports {name}"


def test_no_circles() -> None:
    names = {".".join(("kit", *path.relative_to(ROOT).with_suffix("").parts)): path for path in ROOT.rglob("*.py")}
    graphlib.TopologicalSorter({name: imports(path) for name, path in names.items()}).prepare()  # raises CycleError


def test_stages_do_not_import_later_ones() -> None:
    order = ["dataset", "train", "prune", "convert", "evaluate"]
    for index, stage in enumerate(order):
        for name in imports(ROOT / "pipeline" / f"{stage}.py"):
            assert name.rpartition(".")[2] not in order[index + 1 :], f"{stage} imports {name}"


def test_the_agent_sees_nothing_of_the_kit() -> None:
    for path in (ROOT / "device" / "agent").glob("*.py"):
        assert imports(path) == []


def test_the_command_line_loads_nothing_heavy() -> None:
    program = "import sys, kit.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {
        "tensorflow",
        "numpy",
        "matplotlib",
        "jinja2",
        "altair",
        "vl_convert",
        "babel",
        "scipy",
        "sklearn",
        "docker",
    }
