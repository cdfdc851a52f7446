"""What an image holds, as one JSON file in it: Debian's packages, Python's packages and the kit's own files.

The SHA-256 of this file names the image's contents: an image cannot hold its own ID.
"""

import argparse
import hashlib
import json
import re
from email.parser import HeaderParser
from pathlib import Path
from typing import Any


def debian(path: Path) -> dict[str, str]:
    """Names and versions from dpkg's status file, or from paragraphs of its form."""
    paragraphs = [HeaderParser().parsestr(part) for part in path.read_text(encoding="utf-8").split("\n\n") if part.strip()]
    return {part["Package"]: part["Version"] for part in paragraphs if "not-installed" not in part.get("Status", "")}


def python(folders: list[Path]) -> dict[str, str]:
    found = {}
    for metadata in (path for folder in folders for path in folder.glob("*.dist-info/METADATA")):
        headers = HeaderParser().parsestr(metadata.read_text(encoding="utf-8"))
        found[headers["Name"]] = headers["Version"]
    return found


def debian_licences(names: list[str], docs: Path) -> dict[str, str]:
    """The licences that each package's copyright file names, by package; empty where it names none."""
    found = {}
    for name in names:
        path = docs / name.partition(":")[0] / "copyright"
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        named = {line.removeprefix("License:").strip() for line in text.splitlines() if line.startswith("License:")}
        named |= set() if named else set(re.findall(r"/usr/share/common-licenses/([A-Za-z0-9.-]*[A-Za-z0-9])", text))
        found[name] = "; ".join(sorted(named - {""}))
    return found


def python_licences(folders: list[Path]) -> dict[str, str]:
    """The licence that each distribution declares, as an SPDX expression where it gives one; empty where it gives none."""
    found = {}
    for metadata in (path for folder in folders for path in folder.glob("*.dist-info/METADATA")):
        headers = HeaderParser().parsestr(metadata.read_text(encoding="utf-8"))
        classified = [line.rpartition(" :: ")[2] for line in headers.get_all("Classifier", []) if line.startswith("License")]
        written = next(iter((headers["License"] or "").strip().splitlines()), "")
        found[headers["Name"]] = headers["License-Expression"] or "; ".join(classified) or written[:100]
    return found


def digest(path: Path) -> str:
    """SHA-256 of a file, or of a folder's Python and data files in the order of their names."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file() and p.suffix != ".pyc")
    total = hashlib.sha256()
    for file in files:
        total.update(file.relative_to(path.parent).as_posix().encode() + b"\0" + file.read_bytes())
    return total.hexdigest()


def sbom(image: str, architecture: str, status: Path, packages: list[Path], own: list[Path], docs: Path) -> dict[str, Any]:
    licences = {"debian": debian_licences(sorted(debian(status)), docs), "python": python_licences(packages)}
    return {
        "format": 1,
        "image": image,
        "architecture": architecture,
        "debian": dict(sorted(debian(status).items())),
        "python": dict(sorted(python(packages).items(), key=lambda item: item[0].lower())),
        "kit": {path.name: digest(path) for path in own},
        "licences": {
            kind: dict(sorted(names.items(), key=lambda item: item[0].lower())) for kind, names in licences.items()
        },
    }


def write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image")
    parser.add_argument("architecture")
    parser.add_argument("--status", type=Path, default=Path("/var/lib/dpkg/status"))
    parser.add_argument("--packages", type=Path, action="append", required=True)
    parser.add_argument("--own", type=Path, action="append", required=True)
    parser.add_argument("--docs", type=Path, default=Path("/usr/share/doc"), help="where Debian's copyright files are")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    o = options
    write(o.output, sbom(o.image, o.architecture, o.status, o.packages, o.own, o.docs))
