"""What tables say of benches: a session counts once, and cells that were measured otherwise are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kit.analysis.material import gather
from kit.analysis.summary import join
from kit.report.language import language
from kit.report.tables.time import spent
from kit.study.grid import Cell
from tests.made_up import like_the_study, make, values


def test_a_session_of_benches_counts_once(tmp_path: Path) -> None:
    run = make(tmp_path)
    (row,) = [row for row in spent(gather(run, *join([run]).runs), language("en")).rows if row.values[0].text == "bench"]
    assert row.values[1].number == 56 and row.values[2].number == pytest.approx(1 / 3600, rel=0.01)


def test_cells_that_were_measured_otherwise_are_named(tmp_path: Path) -> None:
    def bench(cell: Cell) -> dict[str, dict[str, Any]]:
        if cell.architecture == "mobilenet":
            return {}
        origin = "emulated" if cell.architecture == "mobilenet_v2" else "local"
        return {f"bench.{origin}.json": values(like_the_study(cell), origin)}

    run = make(tmp_path, bench=bench)
    found = gather(run, *join([run]).runs)
    assert [(message.key.partition(":")[0], message.values["cells"]) for message in found.gaps] == [
        ("Accuracies, but no latency yet", ["mobilenet@1"]),
        ("Latency only in another series than the others, so not shown beside them", ["mobilenet_v2@1"]),
    ]
    assert len(found.missing) == 16
