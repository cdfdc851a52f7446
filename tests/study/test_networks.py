"""What identifies a network of the user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit import store
from kit.errors import KitError
from kit.study import networks
from kit.study.settings import Network

LAID_OUT = {
    "my_net.py": "import json, deep.er\nfrom parts import blocks\n\ndef build(shape, classes):\n    import lazy\n",
    "parts/blocks.py": "from . import sizes\nfrom .more.last import *\n",  # without an __init__.py
    "parts/sizes.py": "raise SystemExit('it ran')\n",
    "parts/more/last.py": "import my_net\n",
    "deep/__init__.py": "",
    "deep/er.py": "from ..... import nowhere\n",
    "lazy.py": "it is = no Python",
}
UNUSED = ("other.py", "parts/other.py", "json/other.py")


@pytest.fixture
def network(tmp_path: Path) -> Network:
    for name, text in (LAID_OUT | dict.fromkeys(UNUSED, "")).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return Network(build=f"{tmp_path}/my_net:build")


def test_code_is_what_it_imports_from_its_folder_too(network: Network, tmp_path: Path) -> None:
    assert networks.files(network).keys() == LAID_OUT.keys()
    found = {networks.settled("mine", network, None).sha256}
    for name, text in LAID_OUT.items():
        (tmp_path / name).write_text(text + "\n")
        found.add(networks.settled("mine", network, None).sha256)
    assert len(found) == 1 + len(LAID_OUT)
    for name in UNUSED:
        (tmp_path / name).write_text("x = 1\n")
    assert networks.settled("mine", network, None).sha256 in found


def test_code_in_one_file_and_weights_are_identified_by_their_content_alone(tmp_path: Path) -> None:
    """Pinned: another way would make finished trainings stale."""
    (tmp_path / "my_net.py").write_text("import tf_keras\n\n\ndef build(shape, classes): ...\n")
    (tmp_path / "w.h5").write_bytes(b"weights")
    alone = Network(build=f"{tmp_path}/my_net:build")
    with_weights = Network(build=f"{tmp_path}/my_net:build", weights=f"{tmp_path}/w.h5")
    assert networks.files(Network(application="ResNet50")) == {}
    each = [store.digest((tmp_path / name).read_bytes()) for name in ("my_net.py", "w.h5")]
    assert networks.settled("mine", alone, None).sha256 == store.digest(each[0].encode())
    assert networks.settled("mine", with_weights, None).sha256 == store.digest("".join(each).encode())


def test_no_imported_code_comes_from_a_runs_folder(network: Network, tmp_path: Path) -> None:
    with pytest.raises(KitError, match=r"blocks.py, in a run's folder"):
        networks.settled("mine", network, tmp_path / "parts")


@pytest.mark.parametrize(
    "text",
    ["def build(): ...", "from parts import build", "from parts import b as build", "from parts import *", "build = 1"],
)
def test_a_function_may_come_from_anywhere(tmp_path: Path, text: str) -> None:
    (tmp_path / "my_net.py").write_text(text)
    assert len(networks.settled("mine", Network(build=f"{tmp_path}/my_net:build"), None).sha256) == 64


@pytest.mark.parametrize("text", ["class Mine:\n    def build(self): ...", "build(1)", "def other():\n    build = 1", ""])
def test_a_function_of_another_scope_is_not_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "my_net.py").write_text(text)
    with pytest.raises(KitError, match="has no function build"):
        networks.settled("mine", Network(build=f"{tmp_path}/my_net:build"), None)


@pytest.mark.parametrize("content", [b"return (", b"\0", b"\xff", b"(" * 5000])
def test_what_is_no_python_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "my_net.py").write_bytes(content)
    with pytest.raises(KitError, match=r"my_net.py.*: correct .*my_net.py$"):
        networks.settled("mine", Network(build=f"{tmp_path}/my_net:build"), None)
