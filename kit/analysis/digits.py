"""How many digits of a number are reliable. A report writes no more: further ones differ between processors."""

from __future__ import annotations

from typing import TypeVar, cast

T = TypeVar("T")

DIGITS = 10  # of what was counted or measured, and of what plain arithmetic makes of it
ESTIMATED = 6  # of what a test or a bootstrap gives: its logarithms and exponentials end differently on other processors


def known(value: T, digits: int = DIGITS) -> T:
    """A number with that many significant digits; in lists and dictionaries each one. Anything else stays as it is."""
    return cast(T, _known(value, digits))


def _known(value: object, digits: int) -> object:
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, dict):
        return {key: _known(own, digits) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_known(own, digits) for own in value)
    return value


def estimated(value: float) -> float:
    """The result of a test or a bootstrap, rounded to its reliable digits."""
    return known(float(value), ESTIMATED)
