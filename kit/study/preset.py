"""Presets: TOML files that define what a run does. They hold every number of the protocol."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from kit.errors import KitError, nearest, unknown
from kit.study import architectures, datasets, networks, possible
from kit.study.architectures import Architecture
from kit.study.datasets import Dataset, OwnDataset, name_of
from kit.study.grid import Cell
from kit.study.protocols import PROTOCOLS
from kit.study.settings import Network, Settings

T = TypeVar("T", bound=Struct)
BUILT_IN = ("smoke", "short", "paper")


class Difference(Struct, frozen=True):
    """One setting, by its name in the preset's file, and its value here and in `paper`: None if it is absent."""

    setting: str
    own: object
    paper: object


class Preset(Settings, frozen=True, forbid_unknown_fields=True):
    """The settings of a run, and what follows from them."""

    def cells(self) -> list[Cell]:
        """The whole grid, in the order of the preset."""
        return [
            Cell(architecture, seed, sparsity, precision)
            for architecture in self.architectures
            for seed in self.seeds
            for sparsity in self.sparsities
            for precision in self.precisions
        ]

    def of_seed(self, seed: int) -> Preset:
        """The same preset with one of its seeds alone."""
        return msgspec.structs.replace(self, seeds=(seed,))

    def with_extra(self) -> Preset:
        """The same preset with its extra architectures in the grid (`--all`)."""
        more = tuple(a for a in self.extra_architectures if a not in self.architectures)
        return msgspec.structs.replace(self, architectures=self.architectures + more)

    def architecture(self, name: str) -> Architecture:
        """The network of this name, of the kit's or the user's own."""
        return architectures.get(name, self.networks)

    @property
    def data(self) -> Dataset:
        """The data set. Raises KitError for a user's pictures that were not read yet."""
        return datasets.get(self.dataset)

    def differences(self) -> list[Difference]:
        """In what this preset's protocol differs from `paper`; empty for `paper` itself."""
        own = msgspec.structs.replace(self, audit=None, dataset=name_of(self.dataset))  # an audit changes nothing else
        return list(_differences(msgspec.to_builtins(load("paper")), msgspec.to_builtins(own)))


_NOT_PROTOCOL = {"name", "architectures", "extra_architectures", "sparsities", "precisions", "seeds", "bench", "networks"}


def _differences(paper: Mapping[str, object], own: Mapping[str, object], prefix: str = "") -> list[Difference]:
    found = []
    for key in {**paper, **own}:
        ours, theirs = own.get(key), paper.get(key)
        if (key in _NOT_PROTOCOL and not prefix) or ours == theirs:
            continue
        if isinstance(ours, dict) and isinstance(theirs, dict):
            found += _differences(theirs, ours, f"{prefix}{key}.")
        else:
            found.append(Difference(prefix + key, ours, theirs))
    return found


def lean(settings: Struct) -> dict[str, object]:
    """The settings that are not at their default, as built-in types: a new setting leaves fingerprints as they were."""
    whole = msgspec.to_builtins(settings)
    return {f.name: whole[f.name] for f in msgspec.structs.fields(settings) if f.required or not _is_default(settings, f)}


def _is_default(settings: Struct, field: msgspec.structs.FieldInfo) -> bool:
    value = getattr(settings, field.name)
    return bool(value == (field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()))


def load(name_or_path: str) -> Preset:
    """A built-in preset by name, or a user's by the path of its TOML file. Raises KitError naming what is wrong in it."""
    path = Path(name_or_path)
    if name_or_path in BUILT_IN:
        text, path = resources.files("kit.study.presets").joinpath(f"{name_or_path}.toml").read_text("utf-8"), Path()
    elif path.suffix == ".toml" and path.is_file():
        text = path.read_text("utf-8", errors="replace")
    elif path.suffix == ".toml":
        raise KitError(f"no preset at {name_or_path}", "give the path to a TOML file, or smoke, short or paper")
    else:
        raise unknown("preset", name_or_path, BUILT_IN)
    return parse(text, name_or_path, path.parent)


def built_in(preset: Preset) -> Preset | None:
    """The built-in preset of this name, with the calibration order of `preset` where an archive decides it; None if there is
    none of this name."""
    if preset.name not in BUILT_IN:
        return None
    known = load(preset.name)
    if known.quantization.calibration_order == "canonical":
        return known
    order = preset.quantization.calibration_order
    return msgspec.structs.replace(known, quantization=msgspec.structs.replace(known.quantization, calibration_order=order))


def parse(text: str, source: str, folder: Path = Path()) -> Preset:
    """Read and check a preset's text. `source` is only for the error message, paths in it are relative to `folder`."""
    try:
        raw = _with_networks(msgspec.toml.decode(text))
        _refuse_old(raw, source)
        preset = msgspec.convert(raw, Preset)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        remedy = f"{_meant(error)}docs/format.md has every setting"
        raise KitError(f"preset {source} cannot be read: {_reason(error)}", remedy) from error
    preset = _from_here(preset, folder)
    possible.refuse(preset, source)
    return preset


_UNKNOWN = re.compile("Object contains unknown field `([^`]*)`")
_KINDS = {"int": "a whole number", "float": "a number", "str": "text in quotes", "array": "a list", "object": "a table"}


def _reason(error: Exception) -> str:
    """What msgspec objects to, with the setting as the file names it."""
    said, _, place = str(error).partition(" - at `$")
    setting = place.strip(".`")
    expected = re.match(r"Expected `(\w+)", said)
    if field := _UNKNOWN.match(said):
        return f"{setting or 'a preset'} has no setting {field[1]}"
    if setting and expected:
        return f"{setting} must be {_KINDS.get(expected[1], expected[1])}"
    return f"{setting}: {said}" if setting else said


def _meant(error: Exception) -> str:
    """The setting that is most like an unknown one, as a question; empty if none is."""
    field = _UNKNOWN.match(str(error))
    tables = msgspec.json.schema(Preset)["$defs"].values() if field else ()
    near = nearest(field[1], {name for table in tables for name in table.get("properties", ())}) if field else []
    return f"did you mean {near[0]}? " if near else ""


def from_here(path: str, folder: Path) -> str:
    """A path that is written relative to `folder`, relative to the working directory if it is inside."""
    whole = os.path.normpath(folder / path)
    return os.path.relpath(whole) if Path(whole).is_absolute() and Path(whole).is_relative_to(Path.cwd()) else whole


def _from_here(preset: Preset, folder: Path) -> Preset:
    """The preset with its paths as they are from here."""
    own = preset.dataset
    dataset = _placed(own, folder, "folder", "arrays") if isinstance(own, OwnDataset) else own
    networks = {
        name: _placed(_built_from_here(one, folder), folder, "model", "weights") for name, one in preset.networks.items()
    }
    return msgspec.structs.replace(preset, dataset=dataset, networks=networks)


def _built_from_here(network: Network, folder: Path) -> Network:
    """Code is in the preset's folder, or in the working directory."""
    there = from_here(network.build, folder)
    return (
        msgspec.structs.replace(network, build=there) if network.build and networks.source(there)[0].is_file() else network
    )


def _placed(struct: T, folder: Path, *names: str) -> T:
    paths = {name: from_here(path, folder) for name in names if (path := getattr(struct, name))}
    return msgspec.structs.replace(struct, **paths)


def _with_networks(raw: dict[str, object]) -> dict[str, object]:
    """A preset whose `architectures` are tables, as it is kept: their names, and apart from them what is the user's own."""
    tables = raw.get("architectures")
    if not isinstance(tables, dict):
        return raw
    return raw | {"architectures": list(tables), "networks": {name: table for name, table in tables.items() if table != {}}}


def _refuse_old(raw: Mapping[str, object], source: str) -> None:
    """Presets once had one seed, and numbers of their own under [bench]; now they name a protocol."""
    if "seed" in raw:
        raise KitError(f"preset {source} uses `seed`, which is now a list", f"write seeds = [{raw['seed']}]")
    bench = raw.get("bench")
    old = [key for key in ("processes", "warmup_inferences", "inferences") if isinstance(bench, dict) and key in bench]
    if old:
        wrong = f"preset {source}: [bench] has {', '.join(old)}, which a protocol now says"
        names = ", ".join(f'"{name}"' for name in PROTOCOLS)
        raise KitError(wrong, f"name one instead: protocol = {names}")
