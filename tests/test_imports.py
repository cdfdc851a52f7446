"""Data flows one way: imports point down, and what is light stays light."""

import ast
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
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module] if node.module != "kit" else [f"kit.{alias.name}" for alias in node.names]
    return [name for name in found if name.split(".")[0] == "kit"]


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    relative = path.relative_to(ROOT)
    own = relative.parts[0].removesuffix(".py")
    for name in imports(path):
        target = layer_of(name)
        if target not in LAYERS:
            target = "__init__"  # a name of the package itself, such as __version__
        if own == "runner" and target == "console":
            continue
        assert LAYERS[target] < LAYERS[own] or target == own, f"{relative} imports {name}"


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
