"""Builds real networks: the slowest unit tests."""

import math
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from kit.datasets.splits import Split
from kit.errors import KitError
from kit.stages import interpreter
from kit.stages.prune import _wrap
from kit.stages.tensorflow import models
from kit.stages.tensorflow.loop import Plan, fit
from kit.stages.tensorflow.tflite import to_tflite
from kit.study.architectures import ARCHITECTURES
from kit.study.preset import load
from kit.study.settings import Schedule

PARAMETERS = (3_239_114, 2_270_794, 4_239_242, 1_540_218, 4_062_381, 2_680_498, 1_042_098)


@pytest.mark.parametrize(("name", "parameters"), list(zip(ARCHITECTURES, PARAMETERS, strict=True)))
def test_architectures_are_the_studys(name: str, parameters: int, tmp_path: Path) -> None:
    model = models.build(name, seed=1)
    assert model.count_params() == parameters
    assert model.input_shape == (None, 32, 32, 3)
    assert model.output_shape == (None, 10)
    assert sum(group.parameters for group in models.count_zeros(model).values()) == parameters
    models.save_weights(model, tmp_path / "weights")
    models.load_weights(model, tmp_path / "weights")


def test_what_was_built_before_changes_nothing() -> None:
    def names_and_weights() -> tuple[list[str], list[np.ndarray]]:
        model = models.build("mobilenet_v3_small", seed=1)
        return [layer.name for layer in model.layers], model.get_weights()

    first_names, first_weights = names_and_weights()
    models.build("mobilenet", seed=2)
    names, weights = names_and_weights()
    assert names == first_names
    assert all(np.array_equal(a, b) for a, b in zip(weights, first_weights, strict=True))


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    small = models.build("mobilenet_v3_small", seed=1)
    models.save_weights(small, tmp_path / "weights")
    again = models.build("mobilenet_v3_small", seed=2)
    models.load_weights(again, tmp_path / "weights")
    assert all(np.array_equal(a, b) for a, b in zip(again.get_weights(), small.get_weights(), strict=True))
    with pytest.raises(KitError, match="does not fit the model"):
        models.load_weights(models.build("mobilenet", seed=1), tmp_path / "weights")


@pytest.mark.parametrize(("nominal", "steps", "published"), [(30, 2, 0.2553), (60, 3, 0.5621), (90, 4, 0.8618)])
def test_pruning_leaves_the_zeros_that_the_study_published(
    nominal: int, steps: int, published: float, tmp_path: Path
) -> None:
    """MobileNet, zeros over all parameters: the study's figures to within 1e-4."""
    model = models.build("mobilenet", seed=1)
    images = Split(np.zeros((4, 32, 32, 3), np.uint8), np.arange(4, dtype=np.uint8))
    schedule = Schedule(steps=steps, epochs=steps)
    wrapped, after_epoch = _wrap(model, nominal / 100, schedule, steps, depthwise=False)
    plan = Plan(steps, 4, 1e-4, 1e-5, 0.9, 1, 1 / 127.5, -1.0)
    state = fit(wrapped, images, images, plan, tmp_path / "checkpoint", "x", lambda *_: None, after_epoch)
    groups = models.count_zeros(model)
    zeros = sum(group.zeros for kind, group in groups.items() if kind not in ("bias", "normalization"))
    assert zeros / 3_239_114 == pytest.approx(published, abs=1e-4)
    assert groups["depthwise"].zeros == 0
    last = nominal / 100 * (1 - (1 / steps) ** 3)
    assert math.isclose(state.history[-1].extra["mask_sparsity"], last, abs_tol=1e-4)


def test_depthwise_kernels_are_pruned_on_request(tmp_path: Path) -> None:
    model = models.build("mobilenet_v3_small_minimalistic", seed=1)
    images = Split(np.zeros((4, 32, 32, 3), np.uint8), np.arange(4, dtype=np.uint8))
    wrapped, after_epoch = _wrap(model, 0.9, Schedule(steps=2, epochs=2), 2, depthwise=True)
    plan = Plan(2, 4, 1e-4, 1e-5, 0.9, 1, 1.0, 0.0)
    fit(wrapped, images, images, plan, tmp_path / "checkpoint", "x", lambda *_: None, after_epoch)
    depthwise = models.count_zeros(model)["depthwise"]
    assert depthwise.zeros / depthwise.parameters == pytest.approx(0.9 * 7 / 8, abs=0.01)


def test_mobilenet_v3_scales_its_input_as_in_the_studys_tensorflow() -> None:
    """0..1 instead of -1..1: the network sees pixels x as the other one sees 127.5 + x / 2, in its .tflite file too."""
    pixels = np.random.default_rng(1).integers(0, 256, (8, 32, 32, 3)).astype(np.float32)
    as_studied = replace(load("paper").training, batch_norm_momentum=0.0)
    as_today = replace(as_studied, mobilenet_v3_input="-1..1")
    assert (as_studied.mobilenet_v3_input, load("short").training.mobilenet_v3_input) == ("0..1", "-1..1")
    today = models.build("mobilenet_v3_small_minimalistic", 1, as_today)
    today(pixels, training=True)  # from now on normalization lets through what the images differ in
    weights = today.get_weights()
    expected = today(127.5 + pixels / 2, training=False).numpy()
    assert np.ptp(expected, axis=0).max() > 0.01
    assert not np.allclose(today(pixels, training=False).numpy(), expected, atol=1e-3)
    studied = models.build("mobilenet_v3_small_minimalistic", 1, as_studied)
    studied.set_weights(weights)
    np.testing.assert_allclose(studied(pixels, training=False).numpy(), expected, atol=1e-5)
    found = interpreter.probabilities(to_tflite(studied, "float32", pixels), pixels)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_efficientnets_own_rescaling_stays() -> None:
    model = models.build("efficientnet_b0", 1, load("paper").training)
    assert [layer.scale for layer in model.layers if type(layer).__name__ == "Rescaling"] == [1 / 255]


def test_the_number_of_classes_is_that_of_the_data(tmp_path: Path) -> None:
    model = models.build("mobilenet_v3_small_minimalistic", 1, classes=5)
    assert model.output_shape == (None, 5)
    split = Split(np.zeros((4, 32, 32, 3), np.uint8), np.arange(4, dtype=np.uint8))
    fit(model, split, split, Plan(1, 4, 1e-4, 1e-5, 0.9, 1, 1.0, 0.0), tmp_path / "c", "x", lambda *_: None)
    images = split.images.astype(np.float32)
    assert interpreter.probabilities(to_tflite(model, "float32"), images).shape == (4, 5)
