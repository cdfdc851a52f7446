"""`kit dev pi`: a stand-in that a user can start, look at and stop, and that leaves nothing."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.conftest import KIT, run


def test_up_doctor_and_down(tmp_path: Path) -> None:
    said = run(KIT, "dev", "pi", "up", cwd=tmp_path)
    assert "pi.local answers at 10.87." in said and "kit doctor --host pi.local --ssh-config .kit-pi/ssh_config" in said
    assert run(KIT, "dev", "pi", "up", cwd=tmp_path) == said, "a second call finds it running"
    found = run(KIT, "doctor", "--host", "pi.local", "--ssh-config", ".kit-pi/ssh_config", cwd=tmp_path)
    assert "Raspberry Pi 4 Model B Rev 1.4 (stand-in)" in found
    run(KIT, "dev", "pi", "down", "--remove", cwd=tmp_path)
    assert not list(tmp_path.iterdir())
    assert f"{tmp_path}/.kit-pi" not in run("ps", "-eo", "args", cwd=tmp_path)


def test_a_host_that_is_gone_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("Host pi.local\n  HostName 127.0.0.1\n  Port 1\n")
    said = run(KIT, "ship", "--host", "pi.local", "--ssh-config", "config", cwd=tmp_path, code=1)
    assert (
        said
        == "error: pi.local: nothing listens there: enable SSH on it (sudo raspi-config nonint do_ssh 0), and check --port\n"
    )
