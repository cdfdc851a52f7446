"""`docker compose`: the study in containers, stopped, resumed, reported; its files belong to whoever started it."""

import os
import shutil
import time
from pathlib import Path

from tests.conftest import PATIENCE_S
from tests.e2e.conftest import UID, Project
from tests.report.pages import markdown

SMOKE = {"KIT_PRESET": "smoke"}
CHAOS = Path(__file__).parents[1] / "chaos" / "chaos.toml"


def test_compose_stops_resumes_and_reports(project: Project) -> None:
    env = (project.folder / ".env").read_text()
    assert f"KIT_UID={UID}" in env and "KIT_BASE_IMAGE=kit-base:" in env
    project.compose("up", "--detach", "train", **SMOKE)
    wait_for(project, " done ")
    project.compose("stop", "--timeout=600", **SMOKE)
    assert '"ExitCode":130' in project.compose("ps", "--all", "--format=json", **SMOKE)
    assert not (project.folder / "reports" / "smoke").exists()

    said = project.compose("up", "train", **SMOKE)
    assert " fresh " in said and "exited with code 0" in said and "written: reports/smoke/report.md" in said
    assert not project.strangers()
    report = markdown(project.folder / "reports" / "smoke")
    assert "24 of 24 cells are complete" in report
    for said in ("tensorflow 2.21.0", "What image kit-train holds (amd64)", "What image kit-pi holds (arm64)"):
        assert said in report
    assert "Image sha256:" in report, "the records name the image that they were made in"

    assert "0 tasks done" in project.compose("run", "--rm", "train", **SMOKE)
    project.compose("run", "--rm", "report", **SMOKE)
    assert "0 measured" in project.compose("run", "--rm", "bench", **SMOKE)


def test_up_hides_an_exit_code_and_run_gives_it(project: Project) -> None:
    wrong = {"KIT_PRESET": "gone"}
    assert "exited with code 1" in project.compose("up", "train", **wrong)
    assert "error: unknown preset 'gone'" in project.compose("run", "--rm", "train", code=1, **wrong)
    project.compose("up", "--exit-code-from=train", "train", code=1, **wrong)


def test_another_users_folder_is_one_line(project: Project) -> None:
    said = project.compose("run", "--rm", "train", code=1, KIT_UID="4321", KIT_PRESET="smoke")
    line = next(line for line in said.splitlines() if line.startswith("error: "))
    assert f"belongs to user {UID}, this is user 4321" in line and f"KIT_UID={UID}" in line


def test_the_tests_pass_in_a_container(project: Project) -> None:
    said = project.compose(
        "run", "--rm", "--build", "test", "tests/study", "tests/runs/test_record.py", "tests/test_imports.py"
    )
    assert " passed" in said and "failed" not in said


def test_a_head_and_two_workers_share_a_run(project: Project) -> None:
    os.chown(shutil.copy(CHAOS, project.folder / "runs" / "tiny.toml"), UID, UID)
    tiny = {"KIT_PRESET": "runs/tiny.toml"}
    project.compose("--profile=cluster", "up", "--detach", "--scale=worker=2", "head", **tiny)
    try:
        said = wait_for(project, " failed", "head", **tiny)
    finally:
        project.compose("--profile=cluster", "down", **tiny)
    assert said.count(" joined with 1 slot") == 2
    assert "14 tasks done, 0 were up to date, 0 failed" in said
    assert "all 14 records hold" in project.compose("run", "--rm", "train", "verify", "chaos", **tiny)
    assert (project.folder / "runs" / "keys" / "key.pem").stat().st_mode & 0o077 == 0
    assert not project.strangers()


def wait_for(project: Project, text: str, service: str = "train", **env: str) -> str:
    end = time.monotonic() + PATIENCE_S
    while text not in (said := project.compose("logs", service, **(env or SMOKE))):
        assert time.monotonic() < end, said
        time.sleep(2)
    return said
