"""Archives come from outside, so they are hostile until their content says otherwise."""

import functools
import gzip
import hashlib
import io
import lzma
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from kit.datasets import cifar10, pickled, prepare
from kit.datasets.splits import Split, canonical, content_digest
from kit.errors import KitError
from kit.study import datasets
from kit.study.datasets import DATASETS

NAMES = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
PIXELS = np.random.default_rng(1).integers(0, 256, (6, 4, 3072), np.uint8)
LABELS = np.arange(24).reshape(6, 4) % 10


def python_batch(index: int) -> bytes:
    return pickle.dumps({b"data": PIXELS[index], b"labels": LABELS[index].tolist(), b"batch_label": b"x"})


def binary_batch(index: int) -> bytes:
    return np.concatenate([LABELS[index][:, None].astype(np.uint8), PIXELS[index]], axis=1).tobytes()


def archive(path: Path, members: dict[str, bytes]) -> Path:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    path.write_bytes((lzma if path.suffix == ".xz" else gzip).compress(raw.getvalue()))
    return path


def python_members() -> dict[str, bytes]:
    return {f"cifar-10-batches-py/{name}": python_batch(i) for i, name in enumerate(NAMES)}


@pytest.mark.parametrize("suffix", ["tar.gz", "tar.xz"])
def test_both_layouts_give_the_same_images(tmp_path: Path, suffix: str) -> None:
    python = cifar10.read(archive(tmp_path / f"python.{suffix}", python_members()))
    members = {f"cifar-10-batches-bin/{name}.bin": binary_batch(i) for i, name in enumerate(NAMES)}
    binary = cifar10.read(archive(tmp_path / f"binary.{suffix}", members))
    assert len(python.train) == 20 and len(python.test) == 4
    np.testing.assert_array_equal(python.train.images, binary.train.images)
    np.testing.assert_array_equal(python.test.labels, binary.test.labels)
    red, green, blue = PIXELS[5, 0].reshape(3, 32, 32)
    np.testing.assert_array_equal(python.test.images[0], np.stack([red, green, blue], axis=-1))


class Hostile:
    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize(
    "payload",
    [
        lambda mark: Hostile(mark.touch),
        lambda mark: Hostile(eval, f"open({str(mark)!r}, 'w')"),
        lambda mark: Hostile(exec, f"open({str(mark)!r}, 'w')"),
        lambda mark: {b"data": Hostile(Path.touch, mark), b"labels": []},
    ],
)
def test_a_hostile_pickle_runs_nothing(tmp_path: Path, payload: Callable[[Path], Any]) -> None:
    mark = tmp_path / "it ran"
    members = python_members() | {"cifar-10-batches-py/test_batch": pickle.dumps(payload(mark))}
    with pytest.raises(KitError, match=r"is refused, test_batch in it .*it wants to load"):
        cifar10.read(archive(tmp_path / "hostile.tar.gz", members))
    assert not mark.exists()


def test_members_stay_inside_and_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    members = {f"../../{name}": python_batch(i) for i, name in enumerate(NAMES)}
    assert len(cifar10.read(archive(tmp_path / "up.tar.gz", members)).train) == 20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["up.tar.gz"]
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        info = tarfile.TarInfo("test_batch")
        info.type, info.linkname = tarfile.SYMTYPE, str(outside)
        tar.addfile(info)
    (tmp_path / "link.tar.gz").write_bytes(gzip.compress(raw.getvalue()))
    with pytest.raises(KitError, match="is not CIFAR-10: it has no data_batch_1"):
        cifar10.read(tmp_path / "link.tar.gz")


@pytest.mark.parametrize(
    ("batch", "wrong"),
    [
        (pickle.dumps([1, 2]), "has no data and labels"),
        (pickle.dumps({b"data": np.zeros((4, 3072), np.float32), b"labels": [0] * 4}), "another type than uint8"),
        (pickle.dumps({b"data": np.zeros((4, 3072), np.uint8), b"labels": [0] * 3}), "no 32x32 RGB images"),
        (pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": [10]}), "labels outside 0..9"),
        (python_batch(0)[:-100], "is refused"),
        (b"no pickle", "is refused"),
    ],
)
def test_a_batch_that_is_not_one_is_refused(tmp_path: Path, batch: bytes, wrong: str) -> None:
    with pytest.raises(KitError, match=wrong):
        cifar10.read(archive(tmp_path / "wrong.tar.gz", python_members() | {"cifar-10-batches-py/data_batch_3": batch}))


BY_PYTHON_2 = (  # protocols 0 and 2, as its cPickle writes them
    b"(dp1\nS'labels'\np2\n(lp3\nI7\naI0\nasS'data'\np4\ncnumpy.core.multiarray\n_reconstruct\np5\n(cnumpy\nndarray\np6\n(I0\nt"
    b"S'b'\ntRp7\n(I1\n(I2\nI3072\ntcnumpy\ndtype\np8\n(S'u1'\nI0\nI1\ntRp9\n(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS'"
    + rb"\xff\x00" * 3072
    + b"'\ntbs.",
    b"\x80\x02}q\x01(U\x06labelsq\x02]q\x03(K\x07K\x00eU\x04dataq\x04cnumpy.core.multiarray\n_reconstruct\nq\x05"
    b"cnumpy\nndarray\nq\x06K\x00\x85U\x01b\x87Rq\x07(K\x01K\x02M\x00\x0c\x86cnumpy\ndtype\nq\x08U\x02u1K\x00K\x01\x87Rq\x09("
    b"K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T\x00\x18\x00\x00" + b"\xff\x00" * 3072 + b"tbu.",
)


@pytest.mark.parametrize("batch", BY_PYTHON_2, ids=["protocol 0", "protocol 2"])
def test_batches_by_python_2_are_read(batch: bytes) -> None:
    pixels, labels = pickled.read(batch)
    assert pixels.tobytes() == b"\xff\x00" * 3072 and pixels.shape == (2, 3072) and labels.tolist() == [7, 0]


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("order", ["C", "F"])
def test_batches_by_python_3_are_read(protocol: int, order: Literal["C", "F"]) -> None:
    labels = LABELS[0].astype(np.uint8)
    for wanted in (labels, labels.tolist()):
        content = pickle.dumps({b"data": np.array(PIXELS[0], order=order), b"labels": wanted}, protocol)
        read = pickled.read(content)
        np.testing.assert_array_equal(read[0], PIXELS[0])
        np.testing.assert_array_equal(read[1], labels)


def array_of(kind: bytes, state: object, shape: object = (1,), content: object = b"x") -> bytes:
    """A pickle of an array that numpy would build without a look at what it is built of."""

    def of(value: object) -> bytes:
        return pickle.dumps(value, 2)[2:-1]

    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"
        + of(shape)
        + b"cnumpy\ndtype\n"
        + of((kind.decode(), False, True))
        + b"R"
        + of(state)
        + b"b\x89"
        + of(content)
        + b"tb."
    )


PAIR = pickle.BINPUT + b"\x00" + pickle.BINGET + b"\x00" + pickle.TUPLE2  # one thing becomes a pair of it
PAIRS = functools.reduce(lambda one, _: [one, one], range(60), [])
BIG_TEXT = b"\x80\x02X\x80\x96\x98\x00" + bytes(10_000_000) + pickle.BINPUT + b"\x00"


@pytest.mark.parametrize(
    ("batch", "wrong"),
    [
        (array_of(b"O", (3, "|", None, None, None, 8, 8, 1), content=bytes(range(8))), "another type than uint8"),
        (array_of(b"u1", (3, "|", None, None, None, 8, 8, 1), (2,), b"x"), "not as large as it says"),
        (array_of(b"u1", (3, "|", None, None, None, 8, 8, 1), (-1, -1), b"x"), "without a type or a size"),
        (array_of(b"u1", (3, "|", None, None, None, 8, 8, 1), (0,) * 70, b"x"), "without a type or a size"),
        (b"\x80\x02}q\x00)" + (pickle.DUP + pickle.TUPLE2) * 60 + b"K\x01s.", "opcode '2', which no batch needs"),
        (b"\x80\x02})" + PAIR * 60 + b"K\x01s.", "a key that is no text"),
        (b"\x80\x02()" + PAIR * 60 + b"K\x01d.", "a dictionary that is made at once"),
        (b"\x80\x02}(U\x04dataK\x01U\x06labels)" + PAIR * 60 + b"u.", "its data is no array"),
        (b"\x80\x02c_codecs\nencode\n}U\x08__name__U\x01xsb.", "it changes what is no array"),
        (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00x)" + PAIR * 60 + b"\x86R.", "another codec than latin1"),
        (b"\x80\x02" + pickle.EMPTY_LIST * 3_000_000 + b".", "too long for a batch"),
        (BIG_TEXT + b"(" + b"c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R" * 20 + b"t.", "too long for a batch"),
        (pickle.dumps({b"data": PIXELS[0], b"labels": [PAIRS]}), "its labels are no integers"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_pickle_that_numpy_or_python_would_choke_on_is_refused_at_once(batch: bytes, wrong: str) -> None:
    with pytest.raises(KitError, match=wrong):
        cifar10._batch(batch, Path("x.tar"), "test_batch")


def test_a_member_of_absurd_size_is_not_read(tmp_path: Path) -> None:
    members = {"cifar-10-batches-py/data_batch_1": bytes(70_000_000)}
    with pytest.raises(KitError, match="70,000,000 bytes"):
        cifar10.read(archive(tmp_path / "bomb.tar.gz", members))


def headers(kind: bytes, content: bytes = b"", size: int | None = None) -> bytes:
    """An entry of a tar archive, as it says that it is and as it is."""
    info = tarfile.TarInfo("data_batch_1")
    info.type, info.size = kind, len(content) if size is None else size
    return info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)


def pax(keyword: str, value: str) -> bytes:
    return f"{len(keyword) + len(value) + 6:03} {keyword}={value}\n".encode()


HOLES = pax("GNU.sparse.major", "1") + pax("GNU.sparse.minor", "0")
ASKING = {
    "a long name": headers(tarfile.GNUTYPE_LONGNAME, bytes(9_000)),
    "an extended header": headers(tarfile.XHDTYPE, bytes(9_000)),
    "a global header": headers(tarfile.XGLTYPE, bytes(9_000)),
    "a size below 0": headers(tarfile.XHDTYPE, size=-1024),
    "an entry that ends where it begins": headers(tarfile.REGTYPE, size=-512),
    "an extended one": headers(tarfile.XHDTYPE, pax("size", "-1024")) + headers(tarfile.REGTYPE),
    "holes": headers(tarfile.XHDTYPE, HOLES) + headers(tarfile.REGTYPE, b"9\n" * 256),
    "old holes": headers(tarfile.GNUTYPE_SPARSE),
    "a large entry": headers(tarfile.DIRTYPE) + headers(tarfile.CHRTYPE, size=0) + headers(b"?", size=500_000_000),
    "large entries": headers(b"?", bytes(9_000_000)) * 45,
    "many entries": headers(tarfile.DIRTYPE) * 201,
}


@pytest.mark.parametrize("kind", ASKING)
def test_an_archive_that_asks_for_memory_or_time_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(gzip.compress(ASKING[kind] + bytes(1024), 1))
    with pytest.raises(
        KitError, match=r"cannot be read \((an entry in it has|it is far larger than|a file in it has holes)"
    ):
        cifar10.read(path)


def test_an_archive_with_ordinary_extended_headers_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pax.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT, pax_headers={"comment": "0" * 40}) as tar:
        for name, content in python_members().items():
            info = tarfile.TarInfo("long/" * 50 + name)
            info.size, info.mtime = len(content), 1.5
            tar.addfile(info, io.BytesIO(content))
    assert len(cifar10.read(path).train) == 20


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", gzip.compress(b"no tar"), gzip.compress(bytes(5000))[:-9]],
    ids=["empty", "zip", "no tar", "cut off"],  # gzip has the time in it, and each worker has to collect the same tests
)
def test_a_file_that_is_no_archive_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.tar.gz"
    path.write_bytes(content)
    with pytest.raises(KitError) as caught:
        cifar10.read(path)
    assert "\n" not in str(caught.value)


def test_only_cifar_is_taken_for_cifar(tmp_path: Path) -> None:
    path = archive(tmp_path / "other.tar.gz", python_members())
    with pytest.raises(KitError, match="the training images are not those of CIFAR-10"):
        prepare.prepare(tmp_path / "data", "cifar10", path)
    assert not (tmp_path / "data").exists()


def test_the_digest_and_the_canonical_order_forget_the_containers_order() -> None:
    split = Split(PIXELS.reshape(24, 3, 32, 32).transpose(0, 2, 3, 1), LABELS.reshape(-1).astype(np.uint8))
    order = np.random.default_rng(2).permutation(24)
    shuffled = Split(split.images[order], split.labels[order])
    assert content_digest(split) == content_digest(shuffled)
    np.testing.assert_array_equal(canonical(split).images, canonical(shuffled).images)


@pytest.fixture
def official(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A made-up archive that the kit takes for the official one."""
    path = archive(tmp_path / "official.tar.gz", python_members())
    made = cifar10.read(path)
    known = msgspec.structs.replace(
        datasets.DATASETS["cifar10"], train_digest=content_digest(made.train), test_digest=content_digest(made.test)
    )
    monkeypatch.setitem(datasets.DATASETS, "cifar10", known)
    monkeypatch.setattr(cifar10, "ARCHIVE_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def test_the_official_archive_tells_the_official_order(tmp_path: Path, official: Path) -> None:
    prepare.prepare(tmp_path / "data", "cifar10", official)
    data, raw = prepare.load(tmp_path / "data", "cifar10"), cifar10.read(official).train
    assert data.official is not None and prepare.knows_official_order(tmp_path / "data", "cifar10")
    np.testing.assert_array_equal(data.train.taken(data.official).images, raw.images)
    np.testing.assert_array_equal(data.calibration(7, 0, "official"), raw.images[:7])
    np.testing.assert_array_equal(data.calibration(7, 0, "canonical"), canonical(raw).images[:7])
    assert not np.array_equal(raw.images[:7], canonical(raw).images[:7])
    held_out = {image.tobytes() for image in data.held_out(5)[1].images}
    left = [image for image in raw.images if image.tobytes() not in held_out]
    np.testing.assert_array_equal(data.calibration(7, 5, "official"), np.stack(left[:7]))


@pytest.mark.parametrize("tensor", ["train_images", "train_labels", "test_images", "test_labels", "train_official_order"])
def test_prepared_images_that_changed_on_disk_are_an_error_and_made_again(
    tmp_path: Path, official: Path, tensor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = prepare.prepare(tmp_path / "data", "cifar10", official)
    whole = path.read_bytes()
    tensors = load_file(path)
    tensors[tensor].reshape(-1)[1] ^= 1
    save_file(tensors, path)
    with pytest.raises(KitError, match="is damaged: `kit data cifar10` makes it again"):
        prepare.load(tmp_path / "data", "cifar10")
    monkeypatch.setattr(cifar10, "download", lambda folder: official)
    prepare.prepare(tmp_path / "data", "cifar10", check=True)
    assert path.read_bytes() == whole


def test_another_archive_of_the_same_images_does_not(tmp_path: Path, official: Path) -> None:
    copy = archive(tmp_path / "copy.tar.xz", python_members())
    prepare.prepare(tmp_path / "data", "cifar10", copy)
    data = prepare.load(tmp_path / "data", "cifar10")
    assert data.official is None and not prepare.knows_official_order(tmp_path / "data", "cifar10")
    with pytest.raises(KitError, match="the official order of the images is unknown: give"):
        data.calibration(7, 0, "official")
    prepare.prepare(tmp_path / "data", "cifar10", official)
    assert prepare.load(tmp_path / "data", "cifar10").official is not None


def test_every_data_set_has_a_reader(tmp_path: Path) -> None:
    for name in DATASETS:
        with pytest.raises(KitError):  # of the reader itself: there is no such archive
            prepare.prepare(tmp_path, name, tmp_path / "missing")


def test_digits_are_embedded_and_frozen(tmp_path: Path) -> None:
    prepare.prepare(tmp_path, "digits")
    data = prepare.load(tmp_path, "digits")
    assert (len(data.train), len(data.test)) == (1437, 360)
    assert data.train.images.shape[1:] == (32, 32, 3)
    train, selection = data.held_out(237)
    assert (len(train), len(selection)) == (1200, 237)
    assert data.held_out(0)[1] is data.test
