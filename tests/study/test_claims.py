"""The study as data: its tables digit by digit, its claims in both languages."""

import pytest

from kit.study.architectures import ARCHITECTURES
from kit.study.cells import Cell
from kit.study.claims import claims
from kit.study.published import published

TABLES = [*published().trained.items(), *published().quantized.items()]


def test_the_claims_are_numbered_and_said_in_both_languages() -> None:
    assert [claim.number for claim in claims()] == list(range(1, 16))
    assert len({claim.key for claim in claims()}) == 15
    for claim in claims():
        assert set(claim.statement) == set(claim.decided_by) == {"en", "de"}
        assert claim.statement["en"] != claim.statement["de"]
        assert set(claim.subjects) <= set(ARCHITECTURES)


@pytest.mark.parametrize(("name", "figures"), TABLES)
def test_published_parameters_are_the_architectures_rounded(name: str, figures: object) -> None:
    assert round(ARCHITECTURES[name].parameters / 1e6, 1) == figures.parameters_millions  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "figures"), TABLES)
def test_published_memory_is_a_whole_number_of_pages_of_4_kib(name: str, figures: object) -> None:
    pages = figures.memory_mib * 256  # type: ignore[attr-defined]
    assert pages == pytest.approx(round(pages), abs=0.014)  # the digits that were printed allow no more


def test_published_accuracies_are_counts_of_images() -> None:
    for _, figures in TABLES:
        for accuracy in (figures.top1, figures.top3):
            assert accuracy * published().test_images == pytest.approx(round(accuracy * published().test_images))


def test_a_cell_finds_its_published_row() -> None:
    found = published().of(Cell("mobilenet_v3_large", 0, "int8"))
    assert found is not None and found.top1 == 0.3963
    assert published().of(Cell("mobilenet_v3_large", 30, "int8")) is None
    assert published().of(Cell("mobilenet_v3_large_minimalistic", 0, "int8")) is None
