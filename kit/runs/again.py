"""Whether a run that was made again has the bytes of the first one, by the digests in both runs' records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from kit.errors import KitError
from kit.runs.artifacts import MODEL, PREDICTIONS, WEIGHTS
from kit.runs.record import Record
from kit.runs.run import Run

KINDS = {WEIGHTS: "weights", MODEL: "models", PREDICTIONS: "predictions"}


class Made(Struct, frozen=True):
    """A file that a record says was made, with its SHA-256."""

    sha256: str
    record: Record


class Comparison(Struct, frozen=True):
    """Files that both runs made, by path: which are `identical`, which differ though all that they were made from is the
    same, with what their records say differently, and which `follow` from those. `alone` are in one of the runs only.
    """

    identical: list[str]
    different: dict[str, list[str]]
    follow: list[str]
    alone: list[str]

    def counts(self) -> Iterator[str]:
        """`weights 28 of 28` for each kind of file."""
        for file, kind in KINDS.items():
            same, others = (sum(name.endswith(f"/{file}") for name in names) for names in (self.identical, self.unlike))
            if same or others:
                yield f"{kind} {same} of {same + others}"

    @property
    def unlike(self) -> list[str]:
        return [*self.different, *self.follow]


def compare(run: Run, other: Run) -> Comparison:
    """All files that both made. Raises KitError if there is none, or if a record cannot be read."""
    own, others = _made(run), _made(other)
    both = sorted(own.keys() & others.keys())
    if not both:
        raise KitError(
            f"{run.folder} and {other.folder} have no file in common", "name two runs of the same cells and seeds"
        )
    identical = [name for name in both if own[name].sha256 == others[name].sha256]
    unlike = set(both).difference(identical)
    different, follow = dict[str, list[str]](), list[str]()
    for name in sorted(unlike):
        if unlike.intersection(own[name].record.inputs):
            follow.append(name)
        else:
            different[name] = list(_unlike(own[name].record, others[name].record))
    return Comparison(identical, different, follow, sorted(own.keys() ^ others.keys()))


def _made(run: Run) -> dict[str, Made]:
    return {name: Made(sha256, record) for record in run.records() for name, sha256 in record.outputs.items()}


def _unlike(one: Record, other: Record) -> Iterator[str]:
    """What two records of one stage say differently, of all that can decide bytes."""
    yield from _pairs(one.settings, other.settings)
    yield from ("other " + name.replace(":", ", ") for name in one.inputs if one.inputs[name] != other.inputs.get(name))
    parts = [(_deciding(record.environment), record.environment.get("packages")) for record in (one, other)]
    (own, packages), (others, other_packages) = parts
    yield from _pairs(own, others)
    if isinstance(packages, dict) and isinstance(other_packages, dict):
        yield from _pairs(packages, other_packages)


def _deciding(environment: Mapping[str, object]) -> dict[str, object]:
    return {name: environment.get(name) for name in ("processor", "l1d_cache_bytes", "python", "image")}


def _pairs(one: Mapping[str, object], other: Mapping[str, object]) -> Iterator[str]:
    for name in sorted(one.keys() | other.keys()):
        own, others = (value.get(name) for value in (one, other))
        if own != others:
            yield f"{name} {_said(own)} here and {_said(others)} there"


def _said(value: object) -> str:
    return "none" if value in (None, "") else str(value)
