"""The plan of a run that gets seeds until claims are decided: when it is looked at, kept beside its preset."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from kit import store
from kit.errors import KitError

LOOKS = "looks.json"
FIRST = 3


class Looks(Struct, frozen=True, forbid_unknown_fields=True):
    """After how many trainings it is looked at whether the `claims`, by key, are decided; the last is all there may be."""

    claims: tuple[str, ...]
    trainings: tuple[int, ...]


def planned(claims: tuple[str, ...], most: int, first: int = FIRST) -> Looks:
    """A look after `first` trainings and after each further one, up to `most`."""
    return Looks(claims, tuple(range(min(first, most), most + 1)))


def read(folder: Path) -> Looks | None:
    """The plan of the run in `folder`, if it has one. Raises KitError if it is damaged."""
    path = folder / LOOKS
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Looks)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise KitError(f"{path} is damaged ({error})", "delete it, and give the same --until-decided again") from error


def keep(folder: Path, wanted: Looks) -> Looks:
    """The run's plan, with the claims of `wanted` in it. Raises KitError if it was planned for other looks: a level that is
    spent can't be spent again."""
    old = read(folder)
    if old and old.trainings != wanted.trainings:
        raise KitError(
            f"{folder} is planned for up to {old.trainings[-1]} trainings",
            f"give --max-seeds {old.trainings[-1]}, or name another folder with --run",
        )
    claims = (*old.claims, *(key for key in wanted.claims if key not in old.claims)) if old else wanted.claims
    plan = Looks(claims, wanted.trainings)
    if plan != old:
        store.write(folder / LOOKS, msgspec.json.format(msgspec.json.encode(plan), indent=1) + b"\n")
    return plan
