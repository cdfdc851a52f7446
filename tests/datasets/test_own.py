"""A user's own pictures: what is read, what is refused, how it is divided, and that it is the same however it comes."""

from __future__ import annotations

import io
import os
import re
import sys
import threading
import time
import warnings
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from kit.datasets import arrays, decode, listing, own, pictures, prepare
from kit.datasets.splits import content_digest
from kit.errors import KitError
from kit.runs.run import open_run
from kit.study import datasets, possible, template
from kit.study.datasets import Found, OwnDataset
from kit.study.preset import load, parse
from tests.conftest import Kit

RNG = np.random.default_rng(1)


def picture(size: tuple[int, int] = (20, 12), colour: tuple[int, int, int] | None = None) -> Image.Image:
    pixels = RNG.integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(pixels if colour is None else np.full_like(pixels, colour))


def folder(root: Path, counts: dict[str, int]) -> Path:
    """Pictures of noise, as PNG, by class."""
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for index in range(count):
            picture().save(root / name / f"{index:03}.png")
    return root


def read(tmp_path: Path, root: Path, **settings: object) -> tuple[own.Looked, OwnDataset]:
    source = OwnDataset(folder=str(root), image_size=16, **settings)  # type: ignore[arg-type]
    looked = own.prepare(tmp_path / "data", source)
    return looked, msgspec.structs.replace(source, found=looked.found)


KINDS = ("RGB.png", "L.png", "RGBA.png", "P.png", "RGB.jpg", "L.jpg", "CMYK.jpg", "RGB.webp", "RGBA.webp")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_picture_becomes_rgb(tmp_path: Path, kind: str) -> None:
    path, mode = tmp_path / kind, kind.partition(".")[0]
    picture(colour=(200, 200, 200)).convert(mode, palette=Image.Palette.ADAPTIVE).save(path)
    found = pictures.read(path, 16)
    assert found.pixels.shape == (16, 16, 3) and found.pixels.dtype == np.uint8
    assert np.abs(found.pixels.astype(int) - 200).max() <= 8
    assert ((found.width, found.height), found.is_grey) == ((20, 12), mode == "L")


def test_sixteen_bits_of_grey_keep_their_brightness(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 200 * 256, np.uint16)).save(tmp_path / "deep.png")
    assert (pictures.read(tmp_path / "deep.png", 8).pixels == 200).all()


def test_a_picture_is_turned_as_its_exif_says(tmp_path: Path) -> None:
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:8] = 255  # bright above
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    found = pictures.read(tmp_path / "turned.png", 16).pixels
    assert found[12:].min() > 200 and found[:4].max() < 50


def truncated() -> bytes:
    whole = io.BytesIO()
    picture((200, 200)).save(whole, "JPEG")
    return whole.getvalue()[:3000]


def bomb() -> bytes:
    """A PNG of a few hundred bytes that says it has 50,000 x 50,000 pixels."""
    whole = io.BytesIO()
    Image.new("1", (8, 8)).save(whole, "PNG")
    content = bytearray(whole.getvalue())
    content[16:24] = (50_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    return bytes(content)


HOSTILE = {"truncated": truncated(), "bomb": bomb(), "empty": b"", "text": b"no picture", "bmp": b"BM" + bytes(60)}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_picture_is_named_and_left_out(tmp_path: Path, kind: str) -> None:
    root = folder(tmp_path / "in", {"a": 60, "b": 60})
    (root / "a" / "odd.png").write_bytes(HOSTILE[kind])
    looked, _ = read(tmp_path, root)
    assert looked.count == 120 and looked.unreadable_count == 1
    assert looked.unreadable[0].path == "a/odd.png" and looked.unreadable[0].reason


def test_more_than_one_in_a_hundred_is_fatal(tmp_path: Path) -> None:
    root = folder(tmp_path / "in", {"a": 10, "b": 10})
    (root / "b" / "odd.jpg").write_bytes(truncated())
    with pytest.raises(KitError, match=r"1 of 21 pictures of .*b/odd.jpg"):
        read(tmp_path, root)
    assert not any((tmp_path / "data").iterdir())


def test_neither_links_nor_pipes_are_followed(tmp_path: Path) -> None:
    root = folder(tmp_path / "in", {"a": 150, "b": 150})
    (tmp_path / "secret.png").write_bytes((root / "a" / "000.png").read_bytes())
    (root / "a" / "link.png").symlink_to(tmp_path / "secret.png")
    (root / "b" / "outside").symlink_to(tmp_path)
    os.mkfifo(root / "b" / "pipe.png")
    (root / "b" / "inside.png").symlink_to(root / "b" / "000.png")
    looked, _ = read(tmp_path, root)
    assert {one.path: one.reason for one in looked.unreadable} == {
        "a/link.png": "it links out of the folder",
        "b/pipe.png": "it is no ordinary file",
    }
    assert looked.count == 301


@pytest.mark.parametrize("target", ["..", ".", "../else"])
def test_a_class_that_is_a_link_out_of_the_folder_or_up_is_said(tmp_path: Path, target: str) -> None:
    root = folder(tmp_path / "in", {"a": 10, "b": 10})
    folder(tmp_path / "else", {"d": 3})
    (root / "c").symlink_to(target)
    with pytest.raises(KitError, match=r"class 'c' of .*in links out of it: put that folder here"):
        read(tmp_path, root)


@pytest.mark.parametrize(("classes", "said"), [(0, "has 0 classes"), (1, "has 1 class")])
def test_fewer_than_two_classes_are_none(tmp_path: Path, classes: int, said: str) -> None:
    root = folder(tmp_path / "in", dict.fromkeys("ab"[:classes], 3))
    root.mkdir(exist_ok=True)
    with pytest.raises(KitError, match=f"{said}: it needs 2 to 1,000, a folder of pictures each"):
        read(tmp_path, root)


def test_a_huge_picture_is_left_out_and_no_warning(tmp_path: Path) -> None:
    Image.new("L", (10_001, 10_000)).save(tmp_path / "huge.png")
    with warnings.catch_warnings(record=True) as said, pytest.raises(ValueError, match="10001 x 10000 pixels are too many"):
        warnings.simplefilter("always")
        pictures.read(tmp_path / "huge.png", 16)
    assert said == []


def test_odd_names_do_no_harm(tmp_path: Path) -> None:
    root = folder(tmp_path / "in", {"ä b": 150, "b'\"<": 150})
    picture().save(root / "ä b" / "new\nline \x1b[31m.png")
    (root / "ä b" / os.fsdecode(b"\xff.png")).write_bytes(b"")
    looked, _ = read(tmp_path, root)
    assert looked.found.classes == ("b'\"<", "ä b")
    assert looked.unreadable[0].path == "ä b/\\udcff.png"
    (root / "tab\tbed").mkdir()
    with pytest.raises(KitError, match="a class called"):
        read(tmp_path, root)


def test_a_split_is_stratified_and_does_not_depend_on_names(tmp_path: Path) -> None:
    root = folder(tmp_path / "in", {"a": 50, "b": 10, "c": 2})
    looked, source = read(tmp_path, root)
    assert (looked.train, looked.test) == ((40, 8, 1), (10, 2, 1))
    for path in list(root.rglob("*.png")):
        path.rename(path.with_name(f"x{999 - int(path.stem):03}.png"))
    again, _ = read(tmp_path, root)
    assert again.found == looked.found and again.listing != looked.listing
    other, _ = read(tmp_path, root, split_seed=2)
    assert other.found.test_digest != looked.found.test_digest and other.test == looked.test
    data = own.load(tmp_path / "data", source)
    assert Counter(data.test.labels.tolist()) == {0: 10, 1: 2, 2: 1}
    assert content_digest(data.train) == looked.found.train_digest


def test_given_parts_are_kept_and_twins_between_them_are_named(tmp_path: Path) -> None:
    folder(tmp_path / "in" / "train", {"a": 3, "b": 3})
    folder(tmp_path / "in" / "test", {"a": 1, "b": 1})
    (tmp_path / "in" / "test" / "a" / "twin.png").write_bytes((tmp_path / "in" / "train" / "a" / "001.png").read_bytes())
    (tmp_path / "in" / "train" / "b" / "torn.png").write_bytes((tmp_path / "in" / "train" / "a" / "000.png").read_bytes())
    looked, _ = read(tmp_path, tmp_path / "in")
    assert (looked.train, looked.test) == ((3, 4), (2, 1))
    assert looked.twins == (("test/a/twin.png", "train/a/001.png"),) and looked.torn == 2
    (tmp_path / "in" / "test" / "c").mkdir()
    with pytest.raises(KitError, match="train has no class 'c'"):
        read(tmp_path, tmp_path / "in")


def test_copies_of_a_picture_are_on_one_side(tmp_path: Path) -> None:
    root = folder(tmp_path / "in", {"a": 10, "b": 10})
    for index in range(10):
        (root / "a" / f"copy{index}.png").write_bytes((root / "a" / f"{index:03}.png").read_bytes())
    for index in range(3):  # in another class, too
        (root / "b" / f"copy{index}.png").write_bytes((root / "a" / f"{index:03}.png").read_bytes())
    for seed in range(5):
        looked, _ = read(tmp_path, root, split_seed=seed)
        assert looked.twins_count == 0 and looked.torn == 9


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"a": 3}, "has 1 class"),
        ({"a": 3, "b": 0}, "has no training images"),
        ({"a": 3, "b": 1}, "has no training images"),
    ],
)
def test_a_class_needs_pictures_on_both_sides(tmp_path: Path, counts: dict[str, int], said: str) -> None:
    with pytest.raises(KitError, match=said):
        read(tmp_path, folder(tmp_path / "in", counts))


def test_a_thousand_classes_have_labels_of_two_bytes(tmp_path: Path) -> None:
    labels = np.arange(2000) % 1000
    images = RNG.integers(0, 256, (2000, 4, 4), np.uint8)
    np.savez(tmp_path / "many.npz", x=images, y=labels)
    source = OwnDataset(arrays=str(tmp_path / "many.npz"), image_size=8, test_share=0.5)
    looked = own.prepare(tmp_path, source)
    data = own.load(tmp_path, source)
    assert data.train.labels.dtype == np.uint16 and sorted(data.test.labels.tolist()) == list(range(1000))
    assert content_digest(data.train) == looked.found.train_digest


def test_processes_read_what_one_process_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path / "in", {"a": 30, "b": 30})
    alone, _ = read(tmp_path, root)
    monkeypatch.setattr(decode, "_WORTH_PROCESSES", 10)
    monkeypatch.setattr(decode, "_BATCH", 7)
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    together = own.prepare(tmp_path / "other", OwnDataset(folder=str(root), image_size=16))
    assert together == alone


def test_only_what_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path / "in", {"a": 10, "b": 10})
    first, source = read(tmp_path, root)
    with monkeypatch.context() as patch:
        patch.setattr(own._Read, "into", None)
        assert read(tmp_path, root)[0] == first
    picture().save(root / "a" / "more.png")
    assert read(tmp_path, root)[0].count == 21
    with pytest.raises(KitError, match="are not those that the run was made from"):
        prepare.load(tmp_path / "data", source)
    for path in [*root.rglob("*.png")]:
        path.unlink()
    for path in ("a", "b", "."):
        (root / path).rmdir()
    assert read(tmp_path, root)[0].count == 21  # the pictures are gone, the prepared images are not


@pytest.mark.parametrize("name", ["train_images", "train_labels", "test_images", "test_labels"])
@pytest.mark.parametrize("damage", ["cut off", "a flipped bit", "another size"])
def test_damaged_arrays_are_an_error_and_made_again(tmp_path: Path, name: str, damage: str) -> None:
    root = folder(tmp_path / "in", {"a": 10, "b": 10})
    _, source = read(tmp_path, root)
    path = own.location(tmp_path / "data", source) / f"{name}.npy"
    whole = path.read_bytes()
    spoilt = bytearray(whole if damage != "cut off" else whole[:-3])
    spoilt[-1] ^= damage == "a flipped bit"
    path.write_bytes(spoilt if damage != "another size" else whole.replace(b"16, 16", b"8, 32 "))
    if damage == "another size" and "labels" in name:
        np.save(path, np.load(path).astype(np.uint16))
    with pytest.raises(KitError, match=r"is damaged: `kit data .*/in --image-size 16` makes it again"):
        own.load(tmp_path / "data", source)
    prepare.prepare(tmp_path / "data", source, check=True)
    assert path.read_bytes() == whole


def test_damaged_arrays_whose_pictures_are_gone_are_an_error(tmp_path: Path) -> None:
    root = folder(tmp_path / "in", {"a": 10, "b": 10})
    _, source = read(tmp_path, root)
    (own.location(tmp_path / "data", source) / "test_images.npy").unlink()
    root.rename(tmp_path / "away")
    with pytest.raises(KitError, match="is damaged"):
        prepare.prepare(tmp_path / "data", source, check=True)


def test_arrays_are_on_the_disk_before_they_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []

    def note(descriptor: int) -> None:
        synced.append(re.sub(r"^\.|\.\d+\.partial$", "", Path(f"/proc/self/fd/{descriptor}").readlink().name))

    monkeypatch.setattr(os, "fsync", note)
    _, source = read(tmp_path, folder(tmp_path / "in", {"a": 10, "b": 10}))
    assert sorted(synced) == sorted(path.name for path in own.location(tmp_path / "data", source).iterdir())


def test_projects_that_share_a_data_folder_keep_their_own_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, data, found = OwnDataset(folder="pictures", image_size=16), tmp_path / "data", []
    for project, count in (("one", 10), ("two", 12)):
        folder(tmp_path / project / "pictures", {"a": count, "b": 10})
        monkeypatch.chdir(tmp_path / project)
        found.append(own.prepare(data, source).found)
    for project, one in zip(("one", "two"), found, strict=True):
        monkeypatch.chdir(tmp_path / project)
        assert own.prepare(data, source).found == one
        assert len(own.load(data, msgspec.structs.replace(source, found=one)).train) == one.train_images


def test_a_run_that_was_moved_finds_its_images_also_without_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(tmp_path / "one" / "pictures", {"a": 10, "b": 10})
    monkeypatch.chdir(tmp_path / "one")
    source = OwnDataset(folder="pictures", image_size=16)
    source = msgspec.structs.replace(source, found=own.prepare(Path("data"), source).found)
    (tmp_path / "one").rename(tmp_path / "two")
    monkeypatch.chdir(tmp_path / "two")
    assert len(own.load(Path("data"), source).train) == 16
    assert own.prepare(Path("data"), source).found == source.found
    Path("pictures").rename("away")
    assert own.current(Path("data"), source) and len(own.load(Path("data"), source).test) == 4


def test_pictures_are_read_once_by_two_that_begin_together(tmp_path: Path) -> None:
    """The second waits for the lock of the first, which then deletes it."""
    source = OwnDataset(folder=str(folder(tmp_path / "in", {"a": 10, "b": 10})), image_size=16)
    work = tmp_path / "data" / f".{own.location(tmp_path / 'data', source).name}.work"
    read, began, into = [], threading.Event(), own._Read.into

    def slow(self: own._Read, place: Path) -> own.Looked:
        read.append(place)
        began.set()
        time.sleep(0.5)
        return into(self, place)

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor() as pool:
        patch.setattr(own._Read, "into", slow)
        first = pool.submit(own.prepare, tmp_path / "data", source)
        began.wait()
        second = pool.submit(own.prepare, tmp_path / "data", source)
        assert first.result() == second.result() and len(read) == 1
    assert not work.exists()


def test_pictures_that_were_not_read_are_an_error_and_not_a_crash() -> None:
    with pytest.raises(KitError, match="were not read yet"):
        datasets.get(OwnDataset(folder="flowers"))


SMALL = {"x": np.zeros((4, 8, 8), np.uint8), "y": [0, 1, 0, 1]}


@pytest.mark.parametrize("classes", [["cat", "Hündin"], [b"cat", "Hündin".encode()]])
def test_names_of_classes_are_text_also_as_bytes(tmp_path: Path, classes: list[str] | list[bytes]) -> None:
    np.savez(tmp_path / "named.npz", **SMALL, classes=np.array(classes))  # type: ignore[arg-type]
    assert arrays.read(tmp_path / "named.npz")[0] == ("cat", "Hündin")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"x_train": np.zeros((4, 8, 8), np.float32), "y_train": [0, 1, 0, 1]}, "has no x_train, y_train"),
        ({"x": np.zeros((4, 8, 8), np.float32), "y": [0, 1, 0, 1]}, "is float32, not uint8: scale it"),
        ({"x": np.zeros((4, 8, 8, 2), np.uint8), "y": [0, 1, 0, 1]}, "make it n x height x width"),
        ({"x": np.zeros((4, 8, 8), np.uint8), "y": [0, 1, 0]}, "no whole number for each image"),
        ({"x": np.zeros((4, 8, 8), np.uint8), "y": [0, 1, 0, -1]}, "labels from -1"),
        ({"x": np.zeros((4, 8, 8), np.uint8), "y": [0, 1, 0, 1], "classes": ["one"]}, "and 1 classes"),
        ({"x": np.array([{}, {}], object), "y": [0, 1]}, "can't be read"),
        (SMALL | {"classes": [b"\xff", b"b"]}, "`classes` of .* is not UTF-8"),
        (SMALL | {"classes": [1, 2]}, r"`classes` of .* is no list of text but int64 of shape \(2,\): give the names"),
        (SMALL | {"classes": "ab"}, r"`classes` of .* is no list of text but <U2 of shape \(\)"),
    ],
)
def test_arrays_that_are_none_are_one_line(tmp_path: Path, content: dict[str, object], said: str) -> None:
    np.savez(tmp_path / "bad.npz", **content)  # type: ignore[arg-type]
    with pytest.raises(KitError, match=said):
        arrays.read(tmp_path / "bad.npz")
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(KitError, match="can't be read"):
        arrays.read(tmp_path / "bad.npz")


def test_arrays_like_fashion_mnist(tmp_path: Path) -> None:
    images, labels = RNG.integers(0, 256, (30, 28, 28), np.uint8), np.arange(30)[:, None] % 10
    np.savez(tmp_path / "fashion.npz", x_train=images[:20], y_train=labels[:20], x_test=images[20:], y_test=labels[20:])
    looked = own.prepare(tmp_path, OwnDataset(arrays=str(tmp_path / "fashion.npz"), image_size=28))
    assert (looked.found.train_images, looked.found.test_images, looked.grey) == (20, 10, 30)


def test_kit_data_says_what_it_found(kit: Kit) -> None:
    root = folder(kit.folder / "flowers", {"rose": 120, "tulip": 30})
    (root / "rose" / "notes.txt").write_text("red")
    (root / "rose" / "broken.jpg").write_bytes(b"")
    said = kit("data", "flowers/", "--image-size", "16")
    for line in (
        "2 classes, 120 training and 30 test images",
        "sizes by area: 20x12 to 20x12, median 20x12; 0 of 150 are grey",
        "the largest class has 4.0 times the training images of the smallest",
        "files of other kinds are left out: 1 .txt",
        "1 picture can't be read:",
        "  rose/broken.jpg: it is not PNG, JPEG or WebP",
        "prepared: data/flowers-",
    ):
        assert line in said
    assert "unknown folder or data set 'flower'" in kit("data", "flower", code=1)
    assert "there is no folder flower" in kit("data", "flower/", code=1)
    assert "dataset.image_size is 4" in kit("data", "flowers/", "--image-size", "4", code=1)


def test_listing_is_sorted_and_skips_what_is_hidden(tmp_path: Path) -> None:
    root = folder(tmp_path / "in", {"b": 2, "a": 2, ".git": 1})
    (root / "a" / ".thumb.png").write_bytes(b"")
    found = listing.listing(root)
    assert found.classes == ("a", "b")
    assert [entry.path for entry in found.entries] == ["a/000.png", "a/001.png", "b/000.png", "b/001.png"]


def encoded(suffix: str) -> bytes:
    whole = io.BytesIO()
    picture().save(whole, suffix)
    return whole.getvalue()


SOUND = {suffix: encoded(suffix) for suffix in ("PNG", "JPEG", "WEBP")}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(SOUND)), st.integers(0, 400), st.integers(0, 20), st.binary(max_size=12))
def test_no_content_of_a_picture_gives_a_trace(tmp_path: Path, kind: str, start: int, length: int, other: bytes) -> None:
    path, whole = tmp_path / "one.png", SOUND[kind]
    path.write_bytes(whole[:start] + other + whole[start + length :])
    with suppress(ValueError):
        assert pictures.read(path, 16).pixels.shape == (16, 16, 3)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1200), st.integers(0, 20), st.binary(max_size=12))
def test_no_content_of_arrays_gives_a_trace(tmp_path: Path, start: int, length: int, other: bytes) -> None:
    path = tmp_path / "one.npz"
    np.savez(path, x=np.zeros((4, 8, 8), np.uint8), y=[0, 1, 0, 1])
    whole = path.read_bytes()
    path.write_bytes(whole[:start] + other + whole[start + length :])
    with suppress(KitError):
        arrays.read(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"architectures": ["../../x"]}, "can't name a folder"),
        ({"networks": {"../x": {"application": "VGG16"}}}, "can't be the name of a network"),
        ({"networks": {"mobilenet": {"application": "VGG16"}}}, "can't be the name of a network"),
        ({"networks": {"x": {"build": "a;b"}}}, "write it as my_net:build"),
        ({"networks": {"x": {"model": "x.pkl"}}}, "must be a .keras or .h5 file"),
        ({"dataset": {"folder": "a", "arrays": "b"}}, None),
    ],
)
def test_a_runs_preset_can_name_no_odd_folder(tmp_path: Path, change: dict[str, object], said: str | None) -> None:
    whole = msgspec.to_builtins(load("smoke")) | change
    (tmp_path / "preset.json").write_bytes(msgspec.json.encode(whole))
    if said is None:
        with pytest.raises(KitError, match="were not read yet"):
            open_run(tmp_path).preset.data  # noqa: B018
    else:
        with pytest.raises(KitError, match=said):
            open_run(tmp_path)


@pytest.mark.parametrize("counts", [(1, 1), (3, 2), (9, 9, 9), (200, 20), (5000, 5000), (40, *[1] * 999)])
def test_the_preset_of_kit_new_can_be_followed(tmp_path: Path, counts: tuple[int, ...]) -> None:
    classes = tuple(map(str, range(len(counts))))
    found = Found(classes, sum(counts), len(counts), "0" * 64, "1" * 64)
    source = OwnDataset(folder='odd "name"', image_size=32)
    text = template.preset("mine", "mine.toml", source, found, counts, "my_net:build")
    preset = parse(text, "mine.toml", tmp_path)
    assert preset.dataset == msgspec.structs.replace(source, folder=str(tmp_path / 'odd "name"'))
    assert possible.objections(msgspec.structs.replace(preset, dataset=msgspec.structs.replace(source, found=found))) == []
    assert preset.training.class_weights == ("balanced" if max(counts) >= 2 * min(counts) else "none")


def test_paths_of_kit_new_are_relative_to_its_preset() -> None:
    place = template.placed_network
    assert place("my_net:build", Path("sub")) == "../my_net:build" and place("my_net:build", Path()) == "my_net:build"
    assert place("sub/mine.keras", Path("sub")) == "mine.keras" and place("ResNet50", Path("sub")) == "ResNet50"
    assert template.placed(OwnDataset(folder="flowers"), Path("sub")).folder == "../flowers"


@pytest.mark.parametrize(
    ("wanted", "name", "line"),
    [
        ("nets/my_net:build", "my_net", 'build = "nets/my_net:build"'),
        ("my_net.py:build", "my_net", 'build = "my_net.py:build"'),
        ("a b.keras", "a_b", 'model = "a b.keras"'),
        ("ResNet50", "resnet50", 'application = "ResNet50"'),
        ("MobileNet", "my_mobilenet", 'application = "MobileNet"'),
        ("mobilenet", "mobilenet", "# one of the kit's own: no settings"),
    ],
)
def test_the_network_of_kit_new_is_what_its_name_says(wanted: str, name: str, line: str) -> None:
    source, found = OwnDataset(folder="flowers"), Found(("a", "b"), 20, 2, "0" * 64, "1" * 64)
    text = template.preset("mine", "mine.toml", source, found, (10, 10), wanted)
    assert f"[architectures.{name}]\n" in text and line in text.splitlines()
