"""The engine that draws figures, in a process of its own: where it ends, for want of memory say, the report does not.

Run as a program it reads a `_Order` as JSON and prints a `_Drawn`.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from kit import causes, process
from kit.errors import KitError


class _Order(Struct, frozen=True):
    """Vega-Lite specifications and the number formats of their axes; without any, Vega's own JavaScript is wanted."""

    specifications: list[dict[str, Any]]
    locale: dict[str, Any]


def svgs(specifications: Sequence[Mapping[str, object]], locale: Mapping[str, object]) -> list[str]:
    """Each figure as SVG text. Raises KitError if the engine cannot draw."""
    return _answer(_Order([dict(one) for one in specifications], dict(locale))) if specifications else []


def javascript() -> str:
    """Vega, Vega-Lite and vega-embed as one script. Raises KitError if the engine cannot give it."""
    return _answer(_Order([], {}))[0]


def _answer(order: _Order) -> list[str]:
    done = process.feed([sys.executable, "-m", __name__], [msgspec.json.encode(order)])
    try:
        if done.code == 0:
            return msgspec.json.decode(done.stdout, type=list[str])
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    how = f"was ended by {signal.Signals(-done.code).name}" if done.code < 0 else f"ended with code {done.code}"
    found = causes.explain(causes.FIGURES, done.stderr, how=how)
    why, remedy = found or (f"{how}: {done.reason}", "run the same command; report it if it happens again")
    raise KitError(f"the engine that draws them {why}", remedy)


def _serve() -> None:
    import vl_convert

    order = msgspec.json.decode(sys.stdin.buffer.read(), type=_Order)
    if order.specifications:
        drawn = [str(vl_convert.vegalite_to_svg(one, format_locale=order.locale)) for one in order.specifications]
    else:
        drawn = [str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))]
    sys.stdout.buffer.write(msgspec.json.encode(drawn))


if __name__ == "__main__":
    _serve()
