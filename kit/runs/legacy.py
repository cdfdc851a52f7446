"""Runs of earlier kits: old names, mapped to today's in this one place.

Format 1 had one seed a run: `seed` in the preset, no `@seed` in names and folders. Its records list all settings, also
those at their default. A record is mapped after its fingerprint was checked, which is over what it says itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kit.runs.record import Record
from kit.study.grid import named

_DEFAULTS: dict[str, object] = {"batch_norm_momentum": None, "threads": 1, "depthwise": False}
_DERIVED = ("selected_on",)  # follows from validation_images
_TRAINED = ("train", "prune")
# Those of today's presets of these names; of all others `rigorous`.
_PROTOCOLS: dict[object, str] = {"paper": "paper", "smoke": "trial"}


def preset(content: dict[str, object]) -> dict[str, object]:
    """A run's preset as it is written now. Once it had one `seed`, and under `bench` numbers and not a protocol's name."""
    if "seed" in content:
        content = {key: value for key, value in content.items() if key != "seed"} | {"seeds": [content["seed"]]}
    bench = content.get("bench")
    if isinstance(bench, dict) and "processes" in bench:
        content = content | {"bench": {"protocol": _PROTOCOLS.get(content["name"], "rigorous")}}
    return content


def is_unseeded(preset: object) -> bool:
    """Whether a run with this `preset.json` (built-in types) has folders without seeds."""
    return isinstance(preset, dict) and "seed" in preset


def record(old: Record, seed: int) -> Record:
    """A record as today's kit would have written it but for its fingerprint; `seed` is the run's where it names none."""
    if old.format >= 2:
        return old
    settings = _lean(old.settings) if old.stage in _TRAINED else old.settings
    return msgspec.structs.replace(old, cell=named(old.cell, seed).name, settings=settings)


def _lean(settings: Mapping[str, object]) -> Mapping[str, object]:
    kept = {key: value for key, value in settings.items() if key not in _DERIVED}
    return {key: value for key, value in kept.items() if key not in _DEFAULTS or value != _DEFAULTS[key]}
