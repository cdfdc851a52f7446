"""Whether the study has anything to say of a run, and what it published for a point of it."""

from __future__ import annotations

from kit.study.grid import Point
from kit.study.preset import Preset
from kit.study.published import Figures, published


def is_studied(preset: Preset) -> bool:
    """Whether a run has one of the study's networks, on images that the kit knows: the user's own have other sizes and
    classes, and so even files that don't compare."""
    return isinstance(preset.dataset, str) and any(name in published().architectures for name in preset.architectures)


def theirs(preset: Preset, point: Point) -> Figures | None:
    """What the study published for a point, if it has anything to say of the run."""
    return published().of(point) if isinstance(preset.dataset, str) else None
