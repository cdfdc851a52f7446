"""What is missing or wrong is one line that says what to do."""

from pathlib import Path

import pytest

from tests.e2e.conftest import Project, run


def one_line(said: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in said, said
    return lines[0]


def test_no_engine(project: Project) -> None:
    said = project.kit("build", "pi", code=1, DOCKER_HOST="unix:///nowhere.sock")
    assert "no Docker engine answers" in one_line(said)
    assert "no Docker engine answers" in project.kit("doctor", DOCKER_HOST="unix:///nowhere.sock")


def test_no_buildx_and_no_client(project: Project, tmp_path: Path) -> None:
    fake = tmp_path / "docker"
    fake.write_text("#!/bin/sh\necho \"docker: 'buildx' is not a docker command.\" >&2\nexit 1\n")
    fake.chmod(0o755)
    assert "Docker has no Buildx" in one_line(project.kit("build", "pi", code=1, PATH=f"{tmp_path}:/usr/bin:/bin"))
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "docker is not installed" in one_line(project.kit("build", "pi", code=1, PATH=str(empty)))


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (("build", "pie"), "unknown image 'pie': did you mean pi?"),
        (("build", "pi", "--platform", "linux/arm"), "unknown platform 'linux/arm'"),
        (("build", "pi", "--no-registry", "--ca", "gone.crt"), "no certificate at gone.crt"),
    ],
)
def test_wrong_arguments(project: Project, arguments: tuple[str, ...], wrong: str) -> None:
    assert wrong in one_line(project.kit(*arguments, code=1))


def test_the_agent_says_what_is_wrong(project: Project, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "model.tflite").write_bytes(b"no model")
    (tmp_path / "broken.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(200))
    (tmp_path / "empty.tflite").write_bytes(b"")
    unreadable = {
        "gone.tflite": "is missing or unreadable",
        "empty.tflite": "is empty: make it or copy it again",
        "model.tflite": "is not a model in TFLite's format",
        "broken.tflite": "is not a model that this interpreter can run",
    }
    for name, wrong in unreadable.items():
        for interpreter in ("litert", "tflite"):
            said = run("docker", "run", "--rm", "--platform=linux/arm64", f"--volume={tmp_path}:/work:ro", "kit-pi:arm64",
                       "measure", name, f"--interpreter={interpreter}", cwd=tmp_path, code=1)  # fmt: skip
            assert wrong in one_line(said)
    said = run("docker", "run", "--rm", "--platform=linux/arm64", f"--volume={tmp_path}:/work:ro", "kit-pi:arm64-tflite",
               "measure", "broken.tflite", cwd=tmp_path, code=1)  # fmt: skip
    assert "ai-edge-litert does not load here" in one_line(said)
