"""What compression costs and saves, on a run that was really made."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from kit.analysis.evidence import RunEvidence
from kit.analysis.material import gather
from kit.analysis.results import results
from kit.analysis.summary import join, one_run
from kit.analysis.tradeoffs import Tradeoff, tradeoffs
from kit.report.language import language
from kit.report.tables import questions
from kit.runs.run import Run, open_run
from tests.conftest import Kit
from tests.made_up import make, spread_over_seeds

S60 = "mobilenet_v3_small/s60"


@pytest.fixture(scope="module")
def run(smoke: Kit) -> Run:
    return open_run(smoke.folder / "runs" / "smoke")


@pytest.fixture(scope="module")
def found(run: Run) -> dict[tuple[str, str], Tradeoff]:
    return {(one.step, one.point.name): one for one in tradeoffs([RunEvidence(run)])}


def test_each_cell_stands_against_what_it_was_made_from(found: dict[tuple[str, str], Tradeoff], run: Run) -> None:
    own = {r.point.name: r for r in results(run) if r.test}
    assert {("int8", f"{S60}/int8"), ("pruning", f"{S60}/int8"), ("pruning", f"{S60}/float32")} <= set(found)
    one = found["int8", f"{S60}/int8"]
    first, second = own[f"{S60}/float32"], own[f"{S60}/int8"]
    assert first.test and second.test and first.size_bytes and second.size_bytes
    assert one.base.name == f"{S60}/float32" and one.trainings == 1
    assert one.change == pytest.approx(second.test.top1 - first.test.top1, abs=1e-6)
    assert one.low is not None and one.high is not None and one.low <= one.change <= one.high
    assert one.smaller == pytest.approx(first.size_bytes / second.size_bytes)
    changes = [after - before for before, after in zip(first.test.by_class, second.test.by_class, strict=True)]
    assert [c.change for c in one.classes] == pytest.approx(sorted(changes)[:3], abs=1e-6)


@pytest.mark.parametrize(
    ("low", "high", "judgement"),
    [(-0.005, 0.01, "less"), (-0.02, -0.011, "more"), (-0.02, 0.0, "undecided"), (None, None, "unknown")],
)
def test_a_cost_is_judged_by_its_whole_interval(
    found: dict[tuple[str, str], Tradeoff], low: float | None, high: float | None, judgement: str
) -> None:
    assert replace(found["int8", f"{S60}/int8"], low=low, high=high).judgement == judgement


def test_over_trainings_the_interval_is_student_s(tmp_path_factory: pytest.TempPathFactory) -> None:
    run = make(
        tmp_path_factory.mktemp("seeds"),
        lambda c: spread_over_seeds(c) if c.architecture == "mobilenet" else None,
        seeds=(1, 2, 3),
    )
    group = join(run.by_seed()).trainings[0]
    one = next(one for one in group.tradeoffs if one.point.name == "mobilenet/s60/int8" and one.step == "int8")
    assert one.trainings == 3 and one.low is not None and one.low < one.change


def test_the_questions_of_any_network_are_answered(run: Run) -> None:
    made = {table.key: table for table in questions.questions(gather(run, one_run(run)), language("en"))}
    assert list(made) == ["cost-of-int8", "cost-of-pruning", "what-fits"]
    assert made["cost-of-pruning"].note.startswith(
        "Pruned so far at a cost of less than a point: mobilenet_v3_small float32"
    )
    assert next(row.values[0].text for row in made["what-fits"].rows) == "2,000 kB"
