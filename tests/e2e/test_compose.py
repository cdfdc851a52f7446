"""`docker compose`: the study in containers, stopped, resumed, reported; its files belong to whoever started it."""

import time

from tests.e2e.conftest import UID, Project

SMOKE = {"KIT_PRESET": "smoke"}


def test_compose_stops_resumes_and_reports(project: Project) -> None:
    env = (project.folder / ".env").read_text()
    assert f"KIT_UID={UID}" in env and "KIT_BASE_IMAGE=kit-base:" in env
    project.compose("up", "--detach", "train", **SMOKE)
    wait_for(project, " done ")
    clock = time.monotonic()
    project.compose("stop", **SMOKE)
    assert time.monotonic() - clock < 30
    assert '"ExitCode":130' in project.compose("ps", "--all", "--format=json", **SMOKE)
    assert not (project.folder / "reports" / "smoke").exists()

    said = project.compose("up", "train", **SMOKE)
    assert " fresh " in said and "exited with code 0" in said and "written: reports/smoke/report.md" in said
    assert not project.strangers()
    report = (project.folder / "reports" / "smoke" / "report.md").read_text()
    assert "24 of 24 cells are complete" in report
    for said in ("tensorflow 2.21.0", "What image kit-train holds (amd64)", "What image kit-pi holds (arm64)"):
        assert said in report
    assert "Image sha256:" in report, "the records name the image that they were made in"

    assert "0 tasks done" in project.compose("run", "--rm", "train", **SMOKE)
    project.compose("run", "--rm", "report", **SMOKE)
    assert "0 tasks done" in project.compose("run", "--rm", "bench", **SMOKE)


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
    said = project.compose("run", "--rm", "--build", "test", "tests/study", "tests/records", "tests/test_imports.py")
    assert " passed" in said and "failed" not in said


def wait_for(project: Project, text: str, patience_s: float = 300) -> None:
    end = time.monotonic() + patience_s
    while text not in (said := project.compose("logs", "train", **SMOKE)):
        assert time.monotonic() < end, said
        time.sleep(2)
