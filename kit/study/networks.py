"""Networks of the user's own: the files that they come from, and what identifies those."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import msgspec

from kit import store
from kit.errors import KitError, unknown
from kit.study import code
from kit.study.settings import Network


def source(build: str) -> tuple[Path, str]:
    """The file and the function that `build = "folder/module:function"` names."""
    module, _, function = build.rpartition(":")
    folder, _, name = module.removesuffix(".py").rpartition("/")
    return Path(folder, *name.split(".")).with_suffix(".py"), function


def files(network: Network) -> dict[str, Path]:
    """The files that a network comes from, by their names beside each other: its code, what that imports from the same
    folder, and its weights."""
    found = {}
    if network.build:
        path, _ = source(network.build)
        found = {one.relative_to(path.parent).as_posix(): one for one in code.reached(path)}
    return found | {Path(name).name: Path(name) for name in (network.model, network.weights) if name}


def applications() -> list[str]:
    """The networks of `keras.applications`, without the seconds that loading it takes; empty if it isn't installed."""
    found = find_spec("tf_keras")
    folders = found.submodule_search_locations if found else None
    if not folders:
        return []
    text = (Path(folders[0]) / "applications" / "__init__.py").read_text()
    return sorted(re.findall(r"^from \S+ import ([A-Z]\w*)$", text, re.MULTILINE))


def settled(name: str, network: Network, run: Path | None) -> Network:
    """The network with the SHA-256 of its files. Those that are gone leave it as it was.

    Raises KitError if one is missing that was never read, if the code doesn't have the function or Keras the application, or
    if it is in the folder of a `run`: code comes from the user.
    """
    if network.application and (known := applications()) and network.application not in known:
        raise unknown("network of keras.applications", network.application, known)
    found = list(files(network).values())
    for path in found:
        if run is not None and path.resolve().is_relative_to(run.resolve()):
            raise KitError(f"architecture {name} comes from {path}, in a run's folder", "move it beside your preset")
        if not path.is_file() and not network.sha256:
            raise KitError(f"architecture {name} comes from {path}, which does not exist", "correct its path")
    if not found or not all(path.is_file() for path in found):
        return network
    if network.build:
        path, function = source(network.build)
        if not code.may_have(path, function):
            raise KitError(f"{path} has no function {function}", "it must take a shape and a number of classes")
    digest = store.digest("".join(store.sha256(path) for path in found).encode())
    return msgspec.structs.replace(network, sha256=digest)


def settings(network: Network) -> dict[str, object]:
    """What decides it, as records have it: no paths, but the content of its files."""
    own = {
        "function": source(network.build)[1] if network.build else "",
        "application": network.application,
        "width": network.width,
        "is_trained": network.is_trained,
        "input": network.input,
        "sha256": network.sha256,
    }
    plain = {"function": "", "application": "", "width": 1.0, "is_trained": False, "sha256": ""}
    return {key: value for key, value in own.items() if value != plain.get(key)}
