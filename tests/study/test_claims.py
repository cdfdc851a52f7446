"""The study as data: its tables digit by digit, its claims in both languages."""

import pytest

from kit.study.architectures import ARCHITECTURES
from kit.study.claims import claims
from kit.study.grid import Point
from kit.study.preset import load
from kit.study.published import Figures, published

TABLES = [(f"{f.architecture} {f.sparsity_percent} {f.precision}", f) for f in published().cells]
SLIDES = {  # top-1, top-3, file in MB, memory in MiB, latency in µs: the two tables of the slides
    ("mobilenet", "float32"): (0.7277, 0.9226, 12.8453, 16.1016, 11803),
    ("mobilenet_v2", "float32"): (0.7325, 0.9263, 8.9153, 11.2148, 4961),
    ("mobilenet_v3_large", "float32"): (0.6934, 0.9064, 16.8829, 20.4141, 8051),
    ("mobilenet_v3_small", "float32"): (0.6687, 0.9033, 6.1536, 8.5859, 2954),
    ("efficientnet_b0", "float32"): (0.7514, 0.9296, 16.0860, 16.6719, 12453),
    ("mobilenet", "int8"): (0.7401, 0.9312, 3.6149, 6.01560, 3750),
    ("mobilenet_v2", "int8"): (0.7507, 0.9411, 2.8626, 6.91410, 2843),
    ("mobilenet_v3_large", "int8"): (0.3963, 0.7743, 4.9440, 6.93359, 5259),
    ("mobilenet_v3_small", "int8"): (0.6349, 0.8926, 1.9539, 5.20310, 2183),
    ("efficientnet_b0", "int8"): (0.7464, 0.9324, 5.1753, 9.63670, 8629),
}


def test_the_claims_are_numbered_and_said_in_both_languages() -> None:
    assert [claim.number for claim in claims()] == list(range(1, len(claims()) + 1))
    assert len({claim.key for claim in claims()}) == len(claims()) >= 30
    assert [claim.group for claim in claims()] == ["slides"] * 15 + ["thesis"] * (len(claims()) - 15)
    for claim in claims():
        assert set(claim.statement) == set(claim.decided_by) == {"en", "de"}
        assert claim.statement["en"] != claim.statement["de"]
        assert set(claim.subjects) <= set(ARCHITECTURES)


@pytest.mark.parametrize(("name", "precision"), SLIDES)
def test_the_slides_are_in_it_digit_by_digit(name: str, precision: str) -> None:
    found = published().of(Point(architecture=name, sparsity=0, precision=precision))
    assert found is not None
    assert (found.top1, found.top3, found.file_mb, round(found.memory_mib, 4), found.latency_us) == (
        *SLIDES[name, precision][:3], round(SLIDES[name, precision][3], 4), SLIDES[name, precision][4],
    )  # fmt: skip


def test_all_56_cells_are_published() -> None:
    assert all(published().of(cell) for cell in load("paper").with_extra().cells())
    assert len(published().cells) == 56 and len(published().architectures) == 5
    top1 = [published().of(Point(architecture=name, sparsity=0, precision="float32")) for name in published().architectures]
    assert [found.train_top1 for found in top1 if found] == [0.8140, 0.8460, 0.7749, 0.7530, 0.8400]


@pytest.mark.parametrize(("name", "figures"), TABLES)
def test_published_figures_fit_together(name: str, figures: Figures) -> None:
    parameters = ARCHITECTURES[figures.architecture].parameters
    assert figures.parameters == parameters, name
    assert figures.achieved_sparsity == pytest.approx(1 - figures.nonzero / parameters, abs=6e-5)
    assert figures.gzip_mb < figures.file_mb


@pytest.mark.parametrize(("name", "figures"), TABLES)
def test_published_memory_is_a_whole_number_of_pages_of_4_kib(name: str, figures: Figures) -> None:
    pages = figures.memory_mib * 256
    assert pages == pytest.approx(round(pages), abs=0.026), name  # four digits, one of them cut off


@pytest.mark.parametrize(("name", "figures"), TABLES)
def test_published_accuracies_are_counts_of_images(name: str, figures: Figures) -> None:
    for accuracy in (figures.top1, figures.top3):
        assert accuracy * published().test_images == pytest.approx(round(accuracy * published().test_images)), name


def test_a_cell_finds_its_published_row() -> None:
    def of(architecture: str, sparsity: int, precision: str) -> Figures | None:
        return published().of(Point(architecture=architecture, sparsity=sparsity, precision=precision))

    pruned = of("mobilenet_v3_large", 30, "int8")
    assert pruned is not None and pruned.top1 == 0.7260
    odd = of("efficientnet_b0", 30, "int8")
    assert odd is not None and (odd.top1, odd.remark) == (0.5128, "pruned_again")
    assert of("mobilenet_v3_large", 30, "float16") is of("mobilenet_v3_large", 50, "int8") is None
