"""The supply chain: actions by digest, locks with hashes and no addresses, licences from what packages declare."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.name)
def test_actions_are_pinned_and_keep_no_credentials(path: Path) -> None:
    text = path.read_text()
    used = re.findall(r"uses: (\S+)(.*)", text)
    assert used and all(
        re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) and comment.startswith(" # v") for action, comment in used
    )
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")
    assert "permissions: {contents: read}" in text


@pytest.mark.parametrize("path", sorted((ROOT / "docker").glob("requirements*.txt")), ids=lambda path: path.name)
def test_locks_have_hashes_and_no_addresses(path: Path) -> None:
    text = path.read_text()
    assert "://" not in text and not re.search(r"^-", text, re.M)
    pins = re.split(r"^(?=\S)", text, flags=re.M)[1:]
    assert pins and all("==" in pin and "--hash=sha256:" in pin for pin in pins)


def test_licences_are_what_packages_declare(tmp_path: Path) -> None:
    sbom = runpy.run_path(str(ROOT / "docker" / "sbom.py"))
    for name, text in {
        "liba": "Files: *\nLicense: MIT\n\nFiles: x\nLicense: GPL-2+\n text\n",
        "libb": "On Debian systems, see /usr/share/common-licenses/LGPL-2.1.\n",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "copyright").write_text(text)
    found = sbom["debian_licences"](["liba:arm64", "libb", "libc"], tmp_path)
    assert found == {"liba:arm64": "GPL-2+; MIT", "libb": "LGPL-2.1", "libc": ""}
    for name, header in {
        "a": "License-Expression: MIT OR Apache-2.0\nLicense: else",
        "b": "Classifier: License :: OSI Approved :: BSD License\nLicense: long\n  text",
        "c": "License: Apache 2.0\n  and so on",
        "d": "Version: 1",
    }.items():
        (tmp_path / f"{name}-1.dist-info").mkdir()
        (tmp_path / f"{name}-1.dist-info" / "METADATA").write_text(
            f"Metadata-Version: 2.4\nName: {name}\n{header}\n\nbody\n"
        )
    assert sbom["python_licences"]([tmp_path]) == {"a": "MIT OR Apache-2.0", "b": "BSD License", "c": "Apache 2.0", "d": ""}
