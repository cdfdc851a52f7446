"""Workers as jobs of Slurm, with a stand-in for its programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.cluster import slurm
from kit.errors import KitError

SBATCH = """#!/bin/sh
printf '%s\\n' "$@" > sbatch.log
echo "4711;cluster"
"""


def test_jobs_are_submitted_and_what_is_left_of_them_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for name, text in (("sbatch", SBATCH), ("scancel", '#!/bin/sh\necho "$@" > scancel.log\n')):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "slurm.toml").write_text('head = "tcp://login1"\nworkers = 10\nslots = 4\noptions = ["--mem=8G"]\n')
    wanted = slurm.load(tmp_path / "slurm.toml")
    with slurm.submitted(wanted, ["/opt/kit", "worker", "tcp://login1:8786", "--keys", "my keys"]) as number:
        assert number == "4711" and not (tmp_path / "scancel.log").exists()
    asked = (tmp_path / "sbatch.log").read_text().splitlines()
    assert {"--parsable", "--array=1-10", "--cpus-per-task=4", "--time=08:00:00", "--mem=8G"} <= set(asked)
    assert asked[-1] == "--wrap=/opt/kit worker tcp://login1:8786 --keys 'my keys' --slots 4"
    assert (tmp_path / "scancel.log").read_text() == "4711\n"
    (tmp_path / "scancel").write_text("#!/bin/sh\nexit 1\n")
    with slurm.submitted(wanted, []):
        assert capsys.readouterr().out == ""
    assert "Slurm did not cancel the workers" in capsys.readouterr().out
    (tmp_path / "sbatch").write_text("#!/bin/sh\necho 'sbatch: error: invalid partition' >&2; exit 1\n")
    with pytest.raises(KitError, match=r"Slurm refuses the workers \(sbatch: error: invalid partition\)"):
        slurm.submitted(wanted, []).__enter__()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("head = 1", "cannot be read"), ('head = "x"\nworkers = 0', "wants no workers"), ("nodes = 1", "cannot be read")],
)
def test_a_file_that_is_none(tmp_path: Path, text: str, wrong: str) -> None:
    (tmp_path / "slurm.toml").write_text(text)
    with pytest.raises(KitError, match=wrong):
        slurm.load(tmp_path / "slurm.toml")
    with pytest.raises(KitError, match="write one, beginning with"):
        slurm.load(tmp_path / "none.toml")
