"""The arguments of `kit bench` and `kit ship`: hosts, files or a run, and how to measure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kit.errors import KitError, unknown
from kit.runs.artifacts import PRESET

if TYPE_CHECKING:
    from kit.bench.address import Address
    from kit.bench.request import BenchRequest, Target
    from kit.bench.transport import Transport
    from kit.runs.run import Run
    from kit.study.preset import Preset


def find_run(run: Path, runs: Path) -> Path:
    """A run by its folder, by its name in `runs`, or by the TOML file of its preset. Raises KitError if that is wrong."""
    for folder in (run, runs / run):
        if (folder / PRESET).is_file():
            return folder
    if run.suffix != ".toml":
        return run
    from kit.study.preset import load

    return runs / load(str(run)).name


def parsed(patterns: Sequence[str] | None, preset: Preset) -> list[str]:
    """Cells of a preset as they were typed, checked. Raises KitError for a name that does not exist."""
    from kit.study.grid import parse_pattern

    return [parse_pattern(pattern, preset.networks) for pattern in patterns or []]


@dataclass(frozen=True)
class Where:
    """The hosts as typed, and how to reach them."""

    hosts: list[str]
    user: str = ""
    port: int | None = None
    identity: Path | None = None
    config: Path | None = None

    def addresses(self) -> list[Address]:
        """Raises KitError if one is not a host."""
        from kit.bench import address

        found = [address.parse(host, self.user, self.port, self.identity, self.config) for host in self.hosts]
        if len({one.key for one in found}) < len(found):
            raise KitError("a host is named twice", "name each once")
        return found

    def transports(self, image: str) -> list[Transport]:
        """One for each host; without hosts this machine's."""
        from kit.bench.transport import Local, Ssh

        found: list[Transport] = [Ssh(address, image) for address in self.addresses()]
        return found or [Local()]


@dataclass(frozen=True)
class What:
    """What is named on the command line: a run, a .tflite file, cells, or nothing."""

    named: Path | None
    patterns: list[str] | None
    runs: Path
    data: Path

    def found(self) -> tuple[list[Target], Run | None]:
        """The .tflite files that are meant, and the run that they are of, if any. The models of a bundle are unpacked."""
        from kit.runs.run import open_run

        if self.named and (self.named.suffix == ".tflite" or (self.named.is_file() and self.named.suffix != ".toml")):
            return self._files(self.named), None
        folder, patterns = self._run()
        run = open_run(folder)
        return _targets(run, patterns), run

    def _files(self, first: Path) -> list[Target]:
        from kit.bench.request import Target

        paths = [first, *(Path(pattern) for pattern in self.patterns or [])]
        for path in paths:
            if not path.is_file():
                raise KitError(f"no file at {path}", "name .tflite files, or a run and its cells")
            _refuse_no_model(path)
        return [Target(str(path), path) for path in paths]

    def _run(self) -> tuple[Path, list[str]]:
        """The run that is named first, or the reference run if only cells or nothing is named; and which cells."""
        from kit.study.architectures import ARCHITECTURES

        named, patterns = self.named, self.patterns or []
        if named is None:
            return self._unpacked(_reference()), patterns
        folder = find_run(named, self.runs)
        first = str(named).partition("/")[0].partition("@")[0]
        if first in (*ARCHITECTURES, "*") and not folder.exists() and not named.exists():
            return self._unpacked(_reference()), [str(named), *patterns]
        if not folder.exists() and named.suffix != ".toml":
            raise unknown("run or cell", str(named), self._names())
        if next(folder.rglob("*.tflite.gz"), None):
            return self._unpacked(folder), patterns
        return folder, patterns

    def _names(self) -> list[str]:
        from kit.study.architectures import ARCHITECTURES

        return [*sorted(path.parent.name for path in self.runs.glob(f"*/{PRESET}")), *ARCHITECTURES]

    def _unpacked(self, folder: Path) -> Path:
        """A run with a bundle's models as they are measured; with its predictions too, if there are images to compare them
        on."""
        from kit.datasets.prepare import is_prepared
        from kit.runs import bundle
        from kit.runs.run import open_run

        packed = open_run(folder)
        with_images = is_prepared(self.data, packed.preset.dataset)
        target = bundle.unpacked_place(packed, self.runs / f"{packed.name}-models")
        return bundle.unpack(packed, target, lambda name: with_images or name.endswith(".tflite")).folder


def _refuse_no_model(path: Path) -> None:
    """What would fail on every device is said before anything starts there."""
    with path.open("rb") as stream:
        begin = stream.read(8)
    if not begin:
        raise KitError(f"{path} is empty", "make it or copy it again")
    if begin[4:] != b"TFL3":
        raise KitError(f"{path} is not a model in TFLite's format, it begins with {begin!r}", "convert the model first")


def _refuse_no_size(shape: str) -> None:
    if not re.fullmatch(r"(.*=)?[1-9]\d{0,8}(,[1-9]\d{0,8})*", shape, re.ASCII):
        raise KitError(
            f"--shape {shape} is no size", "write it like 1,224,224,3, or NAME=1,224,224,3 for one of several inputs"
        )


def _targets(run: Run, patterns: Sequence[str]) -> list[Target]:
    """The chosen cells that have a .tflite file. Raises KitError if none has."""
    from kit.bench.request import targets
    from kit.workflow import graph

    return targets(run, graph.select(run.preset, parsed(patterns, run.preset)))


def _reference() -> Path:
    """The folder of the committed reference run."""
    places = [root / "reports" / "reference" for root in (Path.cwd(), Path(__file__).parents[2])]
    found = next((place for place in places if (place / "preset.json").is_file()), None)
    if found is None:
        raise KitError("no run is named, and the reference run is not here", "name a run, or run this in a checkout")
    return found


@dataclass(frozen=True)
class How:
    """How to measure, as typed; defaults depend on the run and on the device."""

    protocol: str
    interpreters: list[str]
    delegates: list[str]
    threads: list[int]
    parity: int | None
    cooling_s: float
    clock_mhz: int = 0
    shapes: tuple[str, ...] = ()

    def of(self, what: What, is_local: bool) -> BenchRequest:
        """The request; an unknown name raises KitError before anything is unpacked."""
        from kit.bench.protocol import DELEGATES, INTERPRETERS
        from kit.bench.request import BenchRequest
        from kit.datasets import prepare
        from kit.study import protocols

        chosen = protocols.get(self.protocol) if self.protocol else None
        interpreters = _known("interpreter", self.interpreters, INTERPRETERS) or (("litert",) if is_local else ("tflite",))
        delegates = _known("delegate", self.delegates, DELEGATES)
        for shape in self.shapes:
            _refuse_no_size(shape)
        targets, run = what.found()
        if run and self.shapes:
            raise KitError("a run's models have one size each", "leave --shape out: it is for other .tflite files")
        request = BenchRequest(
            targets,
            chosen or protocols.get(run.preset.bench.protocol if run else "rigorous"),
            run.folder if run else what.runs,
            interpreters,
            delegates,
            tuple(self.threads),
            run,
            what.data,
            self.parity if self.parity is not None else 0 if is_local else 200,
            self.cooling_s,
            self.clock_mhz,
            self.shapes,
        )
        if run and self.parity and request.comparable() is not request:
            getting = prepare.command(run.preset.dataset)
            raise KitError(f"predictions can't be compared, the images are not in {what.data}", f"get them with `{getting}`")
        return request


def _known(kind: str, names: Sequence[str] | None, known: Sequence[str]) -> tuple[str, ...]:
    for name in names or ():
        if name not in known:
            raise unknown(kind, name, known)
    return tuple(names or ())
