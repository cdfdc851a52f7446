"""The one exception shown to users, and a helper for unknown names."""

import difflib
from collections.abc import Iterable


class KitError(Exception):
    """An error the user can fix. `str(error)` is one line: what is wrong, then what to do next."""

    def __init__(self, wrong: str, remedy: str = "") -> None:
        self.wrong, self.remedy = wrong, remedy
        text = f"{wrong}: {remedy}" if remedy else wrong
        super().__init__(" ".join(text.split()))


def unknown(kind: str, name: str, known: Iterable[str]) -> KitError:
    """A KitError for a name that is not one of `known`, with the nearest one suggested."""
    names = list(known)
    near = nearest(name, names)
    hint = f"did you mean {near[0]}? " if near else ""
    return KitError(f"unknown {kind} {name!r}", f"{hint}Known: {', '.join(names)}")


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """The one of `known` that is most like `name`; empty if none is."""
    return difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
