"""The committed reference run: it holds, and its report is what the kit makes of it."""

import shutil
from pathlib import Path

from tests.conftest import Kit

REFERENCE = Path(__file__).parents[2] / "reports" / "reference"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_its_records_hold_and_give_the_committed_report(kit: Kit) -> None:
    committed = contents(REFERENCE)
    for name in ("report.md", "report.html", "results.json", "results.csv", "figures/top1-by-sparsity.svg"):
        assert name in committed
    shutil.copytree(REFERENCE, kit.folder / "reports" / "reference")
    assert "records hold" in kit("verify", "reports/reference")
    for path in (kit.folder / "reports" / "reference").glob("re[ps]*"):
        path.unlink()
    shutil.rmtree(kit.folder / "reports" / "reference" / "figures")
    kit("report", "reports/reference")
    made = contents(kit.folder / "reports" / "reference")
    assert made.keys() == committed.keys()
    assert [name for name in committed if made[name] != committed[name]] == []
