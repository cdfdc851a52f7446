"""The report speaks German: every text has one, no field of a text is lost, and numbers are written as Germans do."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import kit.analysis
import kit.cli
import kit.report
from kit.analysis.verdicts import Message
from kit.errors import KitError
from kit.report.language import language
from tests.conftest import Kit

REPORT = Path(kit.report.__file__).parent
ROOMS = (REPORT, Path(kit.analysis.__file__).parent, Path(kit.cli.__file__).parent)
CATALOGUE = REPORT / "locales" / "de.po"


def used() -> set[str]:
    """The texts in the modules and templates, as Babel finds them."""
    methods = [("**.py", "python"), ("templates/**.j2", "jinja2")]
    options, keywords = {"templates/**.j2": {"silent": "false"}}, {"tr": None, "Message": None}
    found = [text for room in ROOMS for text in extract_from_dir(room, methods, options, keywords)]
    return {message for _, _, message, _, _ in found if isinstance(message, str)}


def german() -> dict[str, str]:
    with CATALOGUE.open("rb") as stream:
        return {str(message.id): str(message.string) for message in read_po(stream, locale="de") if message.id}


def fields(text: str) -> list[tuple[str, str]]:
    return sorted((name, spec or "") for _, name, spec, _ in string.Formatter().parse(text) if name)


def test_every_text_has_a_german_one_and_no_german_one_is_left_over() -> None:
    assert len(used()) > 150
    assert used() == set(german())
    assert all(german().values())


@pytest.mark.parametrize("text", sorted(german()))
def test_no_field_is_lost(text: str) -> None:
    assert fields(german()[text]) == fields(text)
    assert german()[text].count("%s") == text.count("%s")


def test_numbers_are_written_as_the_language_does() -> None:
    assert language("en").number(12345.678, ",.2f") == "12,345.68"
    assert language("de").number(12345.678, ",.2f") == "12.345,68"
    assert language("de").number(-0.123, "+.1%") == "-12,3\N{NO-BREAK SPACE}%"
    assert language("de").number(0.973, ".4f") == "0,9730"


def test_a_message_is_said_with_the_messages_in_it() -> None:
    part = Message("{name} (loses)", {"name": "MobileNetV2 1.0"})
    whole = Message("Holds for: {names}.", {"names": [part, "EfficientNet-B0"]})
    assert language("de").say(whole) == "Gilt für: MobileNetV2 1.0 (verliert), EfficientNet-B0."
    assert language("en").say(whole) == str(whole)


def test_a_range_of_one_number_is_that_number() -> None:
    ratio, change = (
        "The files shrink {low:.2f} to {high:.2f} times.",
        "Top-1 changes by {low:+z.2f} to {high:+z.2f} percentage points.",
    )
    assert language("en").tr(ratio, low=3.321, high=3.322) == "The files shrink 3.32 times."
    assert language("de").tr(ratio, low=3.321, high=3.322) == "Die Dateien werden 3,32-mal kleiner."
    assert language("en").tr(ratio, low=3.1, high=3.6) == "The files shrink 3.10 to 3.60 times."
    assert language("en").tr(change, low=-0.001, high=0.001) == "Top-1 changes by +0.00 percentage points."
    assert language("de").tr("{low} to {high}", low=1000, high=1000) == "1.000"
    assert (
        language("en").tr("the clock fell to {low} of {full} MHz", low=600, full=1500)
        == "the clock fell to 600 of 1,500 MHz"
    )


def test_an_unknown_language_names_the_known_ones() -> None:
    with pytest.raises(KitError, match=re.escape("unknown language 'fr': Known: en, de")):
        language("fr")


def test_the_whole_report_in_german(smoke: Kit) -> None:
    said = smoke("report", "smoke", "--language", "de", "--reports", "german")
    assert "written: german/smoke/report.html" in said
    page = (smoke.folder / "german" / "smoke" / "report.html").read_text()
    english = (smoke.folder / "reports" / "smoke" / "report.html").read_text()
    assert '<html lang="de">' in page and '<html lang="en">' in english
    assert "Hält die Studie stand?" in page and "Erreichte Sparsity" in page
    plain = {text for text in german() if len(text) > 12 and "{" not in text and german()[text] != text}
    shown = [text for text in plain if f">{text}<" in page]
    assert any(f">{text}<" in english for text in plain)
    assert not shown
