import re

import pytest

from kit.errors import KitError
from kit.study import preset
from kit.study.cells import Cell, parse_pattern

SMOKE = preset.resources.files("kit.study.presets").joinpath("smoke.toml").read_text()


@pytest.mark.parametrize("name", preset.BUILT_IN)
def test_built_in_presets_hold_the_whole_grid(name: str) -> None:
    loaded = preset.load(name)
    assert loaded.name == name
    assert loaded.sparsities == (0, 30, 60, 90)
    assert len(loaded.cells()) == len(loaded.architectures) * 4 * 2


def test_the_paper_preset_is_the_studys_protocol() -> None:
    paper = preset.load("paper")
    assert paper.training.epochs == 150
    assert paper.training.validation_images == 0
    assert {s: (p.steps, p.epochs) for s, p in paper.pruning.schedules.items()} == {
        "30": (2, 2),
        "60": (3, 6),
        "90": (4, 24),
    }
    assert paper.differences() == []
    assert len(paper.with_extra().architectures) == 7


def test_short_says_in_what_it_differs_from_the_paper() -> None:
    assert preset.load("short").differences() == [
        preset.Difference("training.epochs", 20, 150),
        preset.Difference("training.validation_images", 5000, 0),
        preset.Difference("pruning.schedules.60.epochs", 4, 6),
        preset.Difference("pruning.schedules.90.epochs", 8, 24),
    ]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (("epochs = 12", "epochs = 0"), "training.epochs is 0: it must be at least 1"),
        (("epochs = 12", "epoch = 12"), "unknown field `epoch`"),
        (("epochs = 12", 'epochs = "many"'), "Expected `int`, got `str` - at `$.training.epochs`"),
        (('"mobilenet_v2"', '"mobilnet_v2"'), "did you mean mobilenet_v2?"),
        (('"int8"', '"int9"'), "did you mean int8?"),
        (("[0, 30, 60, 90]", "[0, 30, 50]"), "sparsity 50 has no schedule"),
        (("[0, 30, 60, 90]", "[0, 30, 30]"), "names one twice"),
        (("validation_images = 237", "validation_images = 1437"), "it must leave images to train on"),
        (('dataset = "digits"', 'dataset = "digit"'), "did you mean digits?"),
        (("seed = 1", "seed = "), "cannot be read"),
        (('name = "smoke"', 'name = "../../etc"'), "'../../etc' cannot name a run's folder"),
        (('name = "smoke"', 'name = ""'), "cannot name a run's folder"),
    ],
)
def test_a_wrong_preset_is_one_line_that_names_what_is_wrong(change: tuple[str, str], wrong: str) -> None:
    assert change[0] in SMOKE
    with pytest.raises(KitError, match=re.escape(wrong)) as caught:
        preset.parse(SMOKE.replace(*change), "mine.toml")
    assert "\n" not in str(caught.value)
    assert "mine.toml" in str(caught.value)


def test_names_of_cells() -> None:
    cell = Cell("mobilenet_v2", 60, "int8")
    assert cell.name == "mobilenet_v2/s60/int8"
    assert cell.variant.name == "mobilenet_v2/s60"
    assert cell.matches("mobilenet_v2") and cell.matches("mobilenet_v2/s60") and not cell.matches("mobilenet")


@pytest.mark.parametrize("text", ["mobilenet", "mobilenet/s30", "mobilenet/s30/int8"])
def test_patterns_are_taken(text: str) -> None:
    assert parse_pattern(text) == text


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("mobile_net", "did you mean mobilenet"),
        ("mobilenet/30", "write it like s00"),
        ("mobilenet/s30/in8", "did you mean int8"),
    ],
)
def test_wrong_patterns_are_explained(text: str, wrong: str) -> None:
    with pytest.raises(KitError, match=re.escape(wrong)):
        parse_pattern(text)
