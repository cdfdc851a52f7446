"""What needs a Docker engine: a copy of the checkout whose data, runs and reports belong to a user who is not root."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.containers import build
from kit.testing.fakepi import FakePi
from tests.conftest import PATIENCE_S, wait_for
from tests.e2e import standin
from tests.e2e.standin import Bench

ROOT = Path(__file__).parents[2]
KIT = Path(sys.executable).with_name("kit")
UID = 12345
SOURCES = (".dockerignore", ".github", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md",
           "benchmarks", "compose.yaml", "docker", "docs", "kit", "pyproject.toml", "tests")  # fmt: skip


def run(*argv: str | Path, cwd: Path, code: int | None = 0, timeout_s: float = PATIENCE_S, **env: str) -> str:
    """Run a program to its end; its exit code must be `code`. Returns what it printed, stdout then stderr."""
    done = subprocess.run(
        [str(part) for part in argv],
        cwd=cwd, env=os.environ | {"COLUMNS": "200", "TERM": "dumb"} | env, capture_output=True, text=True,
        check=False, timeout=timeout_s, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert code is None or done.returncode == code, f"{argv}: code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


class Project:
    """A checkout of the kit in `folder`, with its compose project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def kit(self, *arguments: str, code: int = 0, **env: str) -> str:
        return run(KIT, *arguments, cwd=self.folder, code=code, SUDO_UID=str(UID), SUDO_GID=str(UID), **env)

    def build(self, *arguments: str) -> list[dict[str, Any]]:
        said = self.kit("build", *arguments, "--no-registry", "--json")
        return list(json.loads(said))

    def compose(self, *arguments: str, code: int | None = 0, **env: str) -> str:
        return run("docker", "compose", "--project-name=kit-e2e", *arguments, cwd=self.folder, code=code, **env)

    def strangers(self) -> list[Path]:
        """Files below the mounted folders that don't belong to the user of this project."""
        folders = [self.folder / name for name in ("data", "runs", "reports")]
        return [path for folder in folders for path in folder.rglob("*") if path.lstat().st_uid != UID]


def copy(folder: Path) -> Project:
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.is_file():
            shutil.copy(source, folder / name)
    for name in ("data", "runs", "reports"):
        (folder / name).mkdir(exist_ok=True)
        shutil.copy(ROOT / "README.md", folder / name / "README.md")
        run("chown", "-R", f"{UID}:{UID}", name, cwd=folder)
    return Project(folder)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The checkout with all images built, from the cache where they are the ones of these sources."""
    folder = tmp_path_factory.mktemp("project")
    folder.parent.chmod(0o755)
    folder.chmod(0o755)
    made = copy(folder)
    made.build("all")
    made.build("pi", "--tflite-only")
    made.build("pi", "--pictures")
    run("chown", "-R", f"{UID}:{UID}", "runs", cwd=made.folder)
    yield made
    made.compose("down", "--timeout=30", code=None)


@pytest.fixture(scope="session")
def built(project: Project) -> dict[str, dict[str, Any]]:
    """The records of the images, by tag."""
    records = [json.loads(path.read_bytes()) for path in (project.folder / "runs" / "images").glob("*.json")]
    assert {record["name"].removeprefix("kit-") for record in records} == set(build.RECIPES)
    return {record["tag"]: record for record in records}


@pytest.fixture(scope="session")
def pi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakePi]:
    """A stand-in for a Raspberry Pi with the Pi image here and nothing there."""
    folder = tmp_path_factory.mktemp("standin")
    build.build_all("pi", ["linux/arm64"], build.Order(ROOT, folder / "images", registry=False), lambda line: None)
    made = FakePi(folder / "pi")
    made.up()
    yield made
    made.down()


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of three architectures, float32 and int8, evaluated; KIT_TEST_MODELS names one made before."""
    if "KIT_TEST_MODELS" in os.environ:
        return Path(os.environ["KIT_TEST_MODELS"])
    folder = tmp_path_factory.mktemp("models")
    run(KIT, "train", "--preset", Path(__file__).with_name("hosts.toml"), cwd=folder)
    run(KIT, "compress", "hosts", cwd=folder)
    run(KIT, "evaluate", "hosts", cwd=folder)
    return folder


@pytest.fixture
def bench(tmp_path: Path, pi: FakePi, models: Path) -> Iterator[Bench]:
    """The kit beside a copy of that run; the stand-in is cool and rested before, and free of the kit's containers after."""
    shutil.copytree(models / "runs", tmp_path / "runs")
    shutil.copytree(models / "data", tmp_path / "data")
    pi.reset_sys()
    yield Bench(tmp_path, pi)
    wait_for(lambda: not standin.containers(pi))
