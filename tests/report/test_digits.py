"""No byte of a report depends on the processor: what lies beyond the known digits does not reach a file."""

from __future__ import annotations

import re
from itertools import cycle
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from kit.analysis import digits, statistics
from kit.analysis.digits import estimated, known
from kit.analysis.material import gather
from kit.analysis.summary import OneRun, Study, join
from kit.report import render
from kit.report.export import exports
from kit.report.language import language
from kit.runs.run import Run
from tests.made_up import make

EXACT = ("by_class",)  # quotients of two counts, which are subtracted from each other: the same everywhere
_OFF = cycle([1 + 1e-13, 1 - 1e-13, 1 + 2e-13])


def test_known_digits() -> None:
    assert known(1 / 3) == 0.3333333333 and estimated(2 / 3) == 0.666667
    assert known(1234567890.123) == 1234567890 and estimated(1.54964672e-300) == 1.54965e-300
    assert known({"a": [0.1 + 0.2, 7, "0.1", None, True]}) == {"a": [0.3, 7, "0.1", None, True]}
    assert type(known(12345678901)) is int and known(12345678901) == 12345678901


def test_a_number_is_rounded_before_it_is_written() -> None:
    """A half may come out a bit below or above; its text is the same."""
    written = {language("en").number(1587.5 * off, ",.0f") for off in (1 - 1e-13, 1, 1 + 1e-13)}
    assert len(written) == 1


def off(value: Any) -> Any:
    """Every number in `value` a bit too large or too small, in its 13th digit, unless it lies where that decides which way
    it is rounded: one in a thousand does, and rounding does not help there."""
    if isinstance(value, float):
        moved = value * next(_OFF)
        same = digits.known(moved) == digits.known(value) and digits.estimated(moved) == digits.estimated(value)
        return moved if same else value
    if isinstance(value, Struct):
        names = [name for name in value.__struct_fields__ if name not in EXACT]
        return msgspec.structs.replace(value, **{name: off(getattr(value, name)) for name in names})
    if isinstance(value, dict):
        return {key: off(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(off(own) for own in value)
    return value


def rendered(run: Run, study: Study, folder: Path) -> dict[str, bytes]:
    files = render.pages([run], study, folder, language("en")) | exports.files([run], study, folder)
    # Vega numbers the gradients of a process through.
    return {path.name: re.sub(rb"gradient_\d+", b"gradient", content) for path, content in files.items()}


def test_numbers_off_in_the_13th_digit_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make(tmp_path / "run")
    usual = rendered(run, join([run]), tmp_path)

    def gathered(run: Run, concluded: OneRun, **known: Any) -> Any:
        found = gather(run, concluded, **known)
        return msgspec.structs.replace(found, results=off(found.results), each=off(found.each))

    monkeypatch.setattr(statistics, "estimated", lambda value: digits.estimated(off(float(value))))
    monkeypatch.setattr(render, "gather", gathered)
    found = rendered(run, off(join([run])), tmp_path)
    assert {"report.html", "report.md", "results.json", "results.csv", "latencies.svg"} <= found.keys()
    assert [name for name in usual if found[name] != usual[name]] == []
