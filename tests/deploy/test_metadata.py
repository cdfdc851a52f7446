"""Metadata in a .tflite file: written without changing what the model computes, read whatever the bytes are."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from kit.deploy import inside, metadata, predict
from kit.deploy.metadata import About
from kit.deploy.model import Model, named
from kit.errors import KitError

ABOUT = About(
    (*tuple("abcdefghi"), "ä, | and more"), (1 / 127.5,), (-1.0,), "a name", "a description", "an author", "apache-2.0"
)


@pytest.fixture
def described(tiny: Path, tmp_path: Path) -> Path:
    path = tmp_path / "described.tflite"
    path.write_bytes(metadata.add(tiny.read_bytes(), ABOUT))
    return path


def test_what_was_written_is_read(described: Path, tiny: Path) -> None:
    found = inside.read(described)
    assert found is not None and inside.read(tiny) is None
    assert found.labels == ABOUT.labels and (found.name, found.licence) == ("a name", "apache-2.0")
    assert found.scale == pytest.approx(ABOUT.scale) and found.offset == pytest.approx(ABOUT.offset)


def test_each_channel_may_be_scaled_in_its_own_way(tiny: Path, tmp_path: Path) -> None:
    """As networks for ImageNet do it: (pixel - mean) / deviation."""
    means, deviations = (123.7, 116.3, 103.5), (58.4, 57.1, 57.4)
    scale = tuple(1 / one for one in deviations)
    offset = tuple(-mean / one for mean, one in zip(means, deviations, strict=True))
    path = tmp_path / "own.tflite"
    path.write_bytes(metadata.add(tiny.read_bytes(), About(tuple("abcdefghij"), scale, offset)))
    found = inside.read(path)
    assert found and found.scale == pytest.approx(scale) and found.offset == pytest.approx(offset)
    pixels = np.random.default_rng(3).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    model = named(path, tmp_path, tmp_path)
    (row,) = predict.probabilities(model, "litert", [pixels], (scale, offset))
    (one,) = predict.predict(model, [tmp_path / "a.png"], "litert", 10)
    assert {entry.label: entry.probability for entry in one.classes} == pytest.approx(
        dict(zip("abcdefghij", row.tolist(), strict=True)), abs=1e-5
    )
    (alike,) = predict.probabilities(model, "litert", [pixels], (scale[:1], offset[:1]))
    assert np.abs(alike - row).max() > 1e-4, "the channels differ"


@pytest.mark.parametrize("interpreter", ["litert", "tflite"])
def test_predictions_stay_identical(described: Path, tiny: Path, interpreter: str) -> None:
    images = list(np.random.default_rng(1).integers(0, 256, (20, 8, 8, 3), np.uint8))
    with_it, without = (
        predict.probabilities(Model(path), interpreter, images, ((1 / 127.5,), (-1.0,))) for path in (described, tiny)
    )
    assert with_it.tobytes() == without.tobytes()
    assert with_it.shape == (20, 10) and np.ptp(with_it) > 0.01


def test_the_model_itself_is_in_the_file_at_a_place_that_keeps_its_alignment(described: Path, tiny: Path) -> None:
    place = described.read_bytes().find(tiny.read_bytes())
    assert place > 0 and place % 16 == 0


def test_a_model_with_metadata_gets_no_others(described: Path) -> None:
    with pytest.raises(KitError, match="has metadata already"):
        metadata.add(described.read_bytes(), ABOUT)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_labels_that_cannot_be_unpacked_are_none(described: Path, method: int) -> None:
    content = described.read_bytes()
    with zipfile.ZipFile(described) as archive:
        (entry,) = archive.infolist()
    for header, place in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        at = content.index(header, entry.header_offset) + place
        content = content[:at] + struct.pack("<H", method) + content[at + 2 :]
    described.write_bytes(content)
    assert inside.read(described) is None


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1), kept=st.floats(0, 1))
def test_whatever_the_bytes_are_reading_raises_nothing(
    described: Path, changes: list[tuple[float, int]], kept: float
) -> None:
    content = bytearray(described.read_bytes())
    for where, value in changes:
        content[int(where * (len(content) - 1))] = value
    damaged = described.with_name("damaged.tflite")
    for some in (content, content[: int(kept * len(content))]):
        damaged.write_bytes(some)
        found = inside.read(damaged)
        assert found is None or isinstance(found.labels, tuple)
