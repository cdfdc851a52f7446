"""Data flows one way: imports point down, and what is light stays light."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

import kit
from kit.stages.registry import STAGES

ROOT = Path(kit.__file__).parent
# From the top down; what stands in one line may not import each other.
FLOORS = (
    ("cli",),
    ("testing",),
    ("deploy", "report"),
    ("cluster",),
    ("analysis", "workflow"),
    ("bench",),
    ("stages",),
    ("datasets",),
    ("runs",),
    ("containers",),
    ("study",),
    ("checks", "console", "process", "store"),
    ("causes", "errors"),
    ("__init__",),
)
FLOOR = {name: len(FLOORS) - index for index, names in enumerate(FLOORS) for name in names}


def floor_of(module: str) -> str:
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
        target = floor_of(name)
        assert FLOOR[target] < FLOOR[own] or target == own, f"{relative} imports {name}"


def test_no_circles() -> None:
    names = {".".join(("kit", *path.relative_to(ROOT).with_suffix("").parts)): path for path in ROOT.rglob("*.py")}
    graphlib.TopologicalSorter({name: imports(path) for name, path in names.items()}).prepare()  # raises CycleError


def test_stages_do_not_import_later_ones() -> None:
    order = list(STAGES)
    for index, stage in enumerate(order):
        for name in imports(ROOT / "stages" / f"{stage}.py"):
            assert name.rpartition(".")[2] not in order[index + 1 :], f"{stage} imports {name}"


@pytest.mark.parametrize("name", [name for name in STAGES if name != "train"])  # which is a split's name, too
def test_a_stages_name_stands_once(name: str) -> None:
    """In the stage itself; names of old formats are facts of their own."""
    found = [
        str(path.relative_to(ROOT))
        for path in sorted(ROOT.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value == name and path.name != "legacy.py"
    ]
    assert found == [f"stages/{name}.py"]


def test_what_runs_on_the_device_sees_nothing_of_the_kit() -> None:
    for path in (ROOT / "bench" / "worker").glob("*.py"):
        assert imports(path) == []


def test_the_command_line_loads_nothing_heavy() -> None:
    program = "import sys, kit.cli.commands; print(*sys.modules)"
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
        "dask",
        "distributed",
        "cryptography",
    }
