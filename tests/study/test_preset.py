import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import KitError
from kit.study import possible, preset
from kit.study.grid import Cell, named, parse_pattern, shortest

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
        preset.Difference("training.mobilenet_v3_input", "-1..1", "0..1"),
        preset.Difference("pruning.schedules.60.epochs", 4, 6),
        preset.Difference("pruning.schedules.90.epochs", 8, 24),
        *(
            preset.Difference(f"pruning.rates.{name}", None, {"learning_rate": 1e-5, "final_learning_rate": 1e-6})
            for name in ("mobilenet_v3_large_minimalistic", "mobilenet_v3_small_minimalistic")
        ),
        preset.Difference("quantization.calibration_order", "canonical", "official"),
    ]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (("epochs = 12", "epochs = 0"), "training.epochs is 0: it must be at least 1"),
        (("epochs = 12", "epoch = 12"), "training has no setting epoch: did you mean epochs? docs/format.md"),
        (("epochs = 12", 'epochs = "many"'), "training.epochs must be a whole number: docs/format.md has every setting"),
        (('"mobilenet_v2"', '"mobilnet_v2"'), "did you mean mobilenet_v2?"),
        (('"int8"', '"int9"'), "did you mean int8?"),
        (("[0, 30, 60, 90]", "[0, 30, 50]"), "sparsity 50 has no schedule"),
        (("[0, 30, 60, 90]", "[0, 30, 30]"), "names one twice"),
        (("validation_images = 237", "validation_images = 1437"), "it must leave images to train on"),
        (('dataset = "digits"', 'dataset = "digit"'), "did you mean digits?"),
        (("[bench]", "[audit]\nsections = 0\n\n[bench]"), "a number in [audit] is 0: it must be at least 1"),
        (("seeds = [1]", "seeds = "), "cannot be read"),
        (("seeds = [1]", "seeds = []"), "seeds is empty"),
        (("seeds = [1]", "seeds = [-1]"), "give whole numbers from 0"),
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


IMPOSSIBLE = {
    "epochs = 12": ("epochs = -3", "training.epochs is -3"),
    "batch_size = 64": (
        "batch_size = 5000",
        "training.batch_size is 5000: it must be at most 1,200, the images to train on",
    ),
    "learning_rate = 1e-3": ("learning_rate = -0.1", "training.learning_rate is -0.1: it must be above 0"),
    "momentum = 0.9": ("momentum = 1.0", "training.momentum is 1.0: it must be from 0 to below 1"),
    "patience_epochs = 50": ("patience_epochs = 0", "training.patience_epochs is 0"),
    "batch_norm_momentum = 0.9": ("batch_norm_momentum = nan", "training.batch_norm_momentum is nan"),
    "learning_rate = 1e-4": ("learning_rate = inf", "pruning.learning_rate is inf"),
    "final_learning_rate = 1e-5": (
        "final_learning_rate = -1e-5",
        "pruning.final_learning_rate is -1e-05: it must be at least 0",
    ),
    "30 = { steps = 2": ("30 = { steps = 1", "pruning.schedules.30.steps is 1: the first mask update prunes nothing"),
    "60 = { steps = 3, epochs = 3": (
        "60 = { steps = 50, epochs = 1",
        "pruning.schedules.60.steps is 50: not all of its mask updates fit into 19 batches, at most 19 do",
    ),
    "90 = {": ("190 = {", "pruning.schedules.190 is no sparsity"),
    "calibration_images = 100": (
        "calibration_images = 1_201",
        "quantization.calibration_images is 1201: it must be at most 1,200",
    ),
    'protocol = "trial"': ('protocol = "trail"', "unknown bench.protocol 'trail': did you mean trial?"),
    "threads = 1": ("threads = 0", "threads is 0"),
    "architectures = [": ("architectures = [] #", "architectures is empty"),
    "precisions = [": ("precisions = [] #", "precisions is empty"),
}


def test_impossible_settings_are_refused_all_together() -> None:
    text = SMOKE
    for good, (bad, _) in IMPOSSIBLE.items():
        assert good in text
        text = text.replace(good, bad, 1)
    with pytest.raises(KitError) as caught:
        preset.parse(text, "mine.toml")
    said = str(caught.value)
    assert [wrong for _, wrong in IMPOSSIBLE.values() if wrong not in said] == []
    assert "\n" not in said


@pytest.mark.parametrize("good", IMPOSSIBLE)
def test_an_impossible_setting_is_named(good: str) -> None:
    bad, wrong = IMPOSSIBLE[good]
    with pytest.raises(KitError, match=re.escape(wrong)):
        preset.parse(SMOKE.replace(good, bad, 1), "mine.toml")


@given(steps=st.integers(2, 60), batches=st.integers(1, 200))
def test_mask_updates_are_counted_as_the_stage_makes_them(steps: int, batches: int) -> None:
    """As the stage spreads them: updates at batch 1, 1 + frequency, ..."""
    frequency = -(-batches // steps)
    assert possible.fitting(steps, batches) == len(range(1, batches + 1, frequency))


def test_names_of_cells() -> None:
    cell = Cell("mobilenet_v2", 1, 60, "int8")
    assert cell.name == "mobilenet_v2@1/s60/int8"
    assert cell.variant.name == "mobilenet_v2@1/s60"
    assert cell.point.name == "mobilenet_v2/s60/int8"
    for pattern in (
        "mobilenet_v2",
        "mobilenet_v2/s60",
        "mobilenet_v2@1",
        "mobilenet_v2@1/s60/int8",
        "*/s60",
        "*@1",
        "*/*/int8",
    ):
        assert cell.matches(pattern)
    for pattern in ("mobilenet", "mobilenet_v2@2", "mobilenet_v2@11", "mobilenet_v2/s6", "*@2", "*/*/float32"):
        assert not cell.matches(pattern)
    assert named(cell.name) == cell and named("mobilenet_v2/s60/int8", seed=1) == cell


@pytest.mark.parametrize("text", ["mobilenet", "mobilenet@2", "mobilenet/s30", "mobilenet@12/s30/int8", "*/*/int8"])
def test_patterns_are_taken(text: str) -> None:
    assert parse_pattern(text) == text


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("mobile_net", "did you mean mobilenet"),
        ("mobilenet/30", "write it like s00"),
        ("mobilenet@x", "write it like mobilenet@1"),
        ("mobilenet/s30/in8", "did you mean int8"),
    ],
)
def test_wrong_patterns_are_explained(text: str, wrong: str) -> None:
    with pytest.raises(KitError, match=re.escape(wrong)):
        parse_pattern(text)


def test_numbers_of_its_own_under_bench_are_refused() -> None:
    old = SMOKE[: SMOKE.index("[bench]")] + "[bench]\nprocesses = 5\ninferences = 100\n"
    with pytest.raises(KitError, match=r'\[bench\] has processes, inferences, .*: name one instead: protocol = "paper"'):
        preset.parse(old, "mine.toml")


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ("a@1 b@1", ["a@1", "b@1"]),
        ("a@1/s00", ["a@1/s00"]),
        ("a@1/s00 b@1/s60/int8", ["a@1/s00", "b@1/s60/int8"]),
        ("a@1/s00/int8 a@1/s60", ["a@1/s00/int8", "a@1/s60"]),
        ("", []),
    ],
)
def test_cells_are_named_by_what_selects_all_of_them(chosen: str, names: list[str]) -> None:
    grid = [Cell(a, 1, sparsity, p) for a in ("a", "b") for sparsity in (0, 60) for p in ("float32", "int8")]
    assert shortest([cell for cell in grid for pattern in chosen.split() if cell.matches(pattern)], grid) == names
