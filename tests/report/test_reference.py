"""The committed runs: they hold, and their reports are what the kit makes of them; also of a run of an older kit."""

import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import Kit

REPORTS = Path(__file__).parents[2] / "reports"
OLD_RUN = Path(__file__).parents[1] / "old_run"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("run", ["reference", "seeds", "seeds-50"])
def test_its_records_hold_and_give_the_committed_report(kit: Kit, run: str) -> None:
    committed = contents(REPORTS / run)
    for name in ("report.md", "results.json", "results.csv", "figures/top1-by-sparsity.svg", "details/cells.md"):
        assert name in committed
    assert run == "seeds" or "report.html" in committed
    assert len(committed["report.md"]) <= 60_000
    shutil.copytree(REPORTS / run, kit.folder / "reports" / run)
    assert "records hold" in kit("verify", f"reports/{run}")
    for path in (kit.folder / "reports" / run).glob("re[ps]*"):
        path.unlink()
    for name in ("figures", "details"):
        shutil.rmtree(kit.folder / "reports" / run / name)
    kit("report", f"reports/{run}")
    made = contents(kit.folder / "reports" / run)
    assert made.keys() == committed.keys() | {"report.html"}  # too large to commit with several seeds
    assert [name for name in committed if made[name] != committed[name]] == []


def test_every_number_of_a_run_of_an_older_version_leads_to_its_record(kit: Kit) -> None:
    """Its folders don't name a seed."""
    shutil.copytree(OLD_RUN, kit.folder / "reports" / "old")
    kit("report", "reports/old")
    paths = set(re.findall(r'data-record="([^"]*)"', (kit.folder / "reports" / "old" / "report.html").read_text()))
    assert len(paths) > 30
    assert not [path for path in paths if path and not (OLD_RUN / path).is_file()]
