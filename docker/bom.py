"""What the images hold, in a standard form: a CycloneDX bill of materials and a list of licences beside each record.

    python bom.py runs/images

Needs cyclonedx-python-lib. `kit build` leaves a record of each image; nothing is run and nothing is asked for here.
"""

import csv
import datetime
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL


class Package(NamedTuple):
    kind: str
    name: str
    version: str
    licence: str


def packages(sbom: dict[str, Any]) -> Iterator[Package]:
    for kind in ("debian", "python"):
        for name, version in sbom[kind].items():
            yield Package(kind, name, version, sbom["licences"][kind].get(name, ""))


def component(package: Package, architecture: str) -> Component:
    where = {"debian": ("deb", "debian", {"arch": architecture}), "python": ("pypi", None, None)}
    kind, namespace, qualifiers = where[package.kind]
    name = package.name.lower().replace("_", "-") if kind == "pypi" else package.name
    purl = PackageURL(kind, namespace, name, package.version, qualifiers)
    licences = [LicenseFactory().make_from_string(package.licence)] if package.licence else []
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=str(purl),
        licenses=licences,
    )


def bom(record: dict[str, Any]) -> str:
    """CycloneDX 1.6, as JSON. Raises ValueError if it does not hold to the standard's schema."""
    made = Bom()
    made.metadata.timestamp = datetime.datetime.fromisoformat(record["built"])
    image = Component(name=record["name"], version=record["id"], type=ComponentType.CONTAINER, bom_ref=record["tag"])
    made.metadata.component = image
    parts = [component(package, record["architecture"]) for package in packages(record["sbom"])]
    made.components.update(parts)
    made.dependencies.add(Dependency(image.bom_ref, [Dependency(part.bom_ref) for part in parts]))
    for part in parts:
        made.dependencies.add(Dependency(part.bom_ref))
    text = JsonV1Dot6(made).output_as_string(indent=1)
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong:
        raise ValueError(f"{record['tag']}: {wrong}")
    return text


def main(folder: Path) -> None:
    records = [path for path in sorted(folder.glob("*.json")) if not path.name.endswith(".cdx.json")]
    if not records:
        sys.exit(f"error: no record of an image in {folder}: kit build")
    for path in records:
        record = json.loads(path.read_bytes())
        if "licences" not in record["sbom"]:
            sys.exit(f"error: {record['tag']} was built by an older kit: kit build")
        path.with_suffix(".cdx.json").write_text(bom(record) + "\n")
        with path.with_suffix(".licences.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows([Package._fields, *packages(record["sbom"])])
        found = list(packages(record["sbom"]))
        print(
            f"{path.with_suffix('.cdx.json')}: {len(found)} packages, {sum(not p.licence for p in found)} without a licence"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
