"""What cannot be as in the study is said, with the likely effect."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from kit.report.language import language
from kit.report.method import mixed, unlike
from kit.study.preset import load
from tests.made_up import make

AVX = "processor without avx512f"
REFERENCE = Path(__file__).parents[2] / "reports" / "reference" / "report.md"


def test_converter_interpreter_seed_and_processor_are_named_with_their_effect() -> None:
    for spoken, words in (
        ("en", ("converter", "interpreter", "seed", "processor")),
        ("de", ("Konverter", "Interpreter", "Seed", "Prozessor")),
    ):
        found = unlike(load("paper"), language(spoken))
        assert len(found) == len(words) and all(len(effect) > 50 for _, effect in found)
        for word in words:
            assert any(word in what for what, _ in found), word
    for what, effect in unlike(load("paper"), language("en")):
        assert f"**{what}** {effect}" in REFERENCE.read_text("utf-8")


def test_other_calibration_images_are_named_where_they_are_others() -> None:
    paper = load("paper")
    canonical = replace(paper, quantization=replace(paper.quantization, calibration_order="canonical"))
    more = {what for what, _ in unlike(canonical, language("en"))} - {what for what, _ in unlike(paper, language("en"))}
    assert len(more) == 1 and "the first 100 in canonical order" in more.pop()


def test_machines_that_differ_are_named_with_how_much_they_made(tmp_path: Path) -> None:
    (record, *others) = make(tmp_path).records()[:4]
    each = [
        replace(one, environment={**one.environment, "mixed": why})
        for one, why in zip(others, ([], [AVX], [AVX]), strict=False)
    ]
    assert mixed([record, each[0]], language("en")) == []
    (said,) = mixed([record, *each], language("en"))
    assert said.startswith(f"2 records were made on machines that differ from the others (--mixed): {AVX}.")
    assert "2 Aufzeichnungen" in mixed([record, *each], language("de"))[0]
