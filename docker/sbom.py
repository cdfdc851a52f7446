"""What an image holds, as one JSON file in it: Debian's packages, Python's packages and the kit's own files.

The SHA-256 of this file names the image's contents: an image cannot hold its own ID.
"""

import argparse
import hashlib
import json
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


def digest(path: Path) -> str:
    """SHA-256 of a file, or of a folder's Python and data files in the order of their names."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file() and p.suffix != ".pyc")
    total = hashlib.sha256()
    for file in files:
        total.update(file.relative_to(path.parent).as_posix().encode() + b"\0" + file.read_bytes())
    return total.hexdigest()


def sbom(image: str, architecture: str, status: Path, packages: list[Path], own: list[Path]) -> dict[str, Any]:
    return {
        "format": 1,
        "image": image,
        "architecture": architecture,
        "debian": dict(sorted(debian(status).items())),
        "python": dict(sorted(python(packages).items(), key=lambda item: item[0].lower())),
        "kit": {path.name: digest(path) for path in own},
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
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    write(options.output, sbom(options.image, options.architecture, options.status, options.packages, options.own))
