"""The report in a real browser: Chromium, without a network, light and dark, wide and narrow."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.conftest import Kit

FIGURES = 9
CELLS = "table[data-table=cells] tbody tr"
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """`KIT_CHROMIUM`, or a Chromium on the path."""
    program = os.environ.get("KIT_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.fail("no Chromium: `apt-get install chromium`, or give its path as KIT_CHROMIUM")
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="session", params=["en", "de"])
def report(smoke: Kit, request: pytest.FixtureRequest) -> Path:
    smoke("report", "smoke", "--language", request.param, "--reports", request.param)
    return smoke.folder / request.param / "smoke" / "report.html"


class Visit:
    """A page, and what it complained about or asked the network for."""

    def __init__(self, browser: Browser, report: Path, **options: object) -> None:
        self.context = browser.new_context(**options)  # type: ignore[arg-type]
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(report.as_uri())
        self.report = report

    def is_quiet(self) -> bool:
        return not self.complaints and self.requests == [self.report.as_uri()]

    def see_all_figures(self) -> None:
        for figure in self.page.locator("figure").all():
            figure.scroll_into_view_if_needed()
        expect(self.page.locator("figure[data-alive]")).to_have_count(FIGURES, timeout=60_000)


@pytest.fixture
def visit(browser: Browser, report: Path) -> Iterator[Visit]:
    made = Visit(browser, report, viewport={"width": 1300, "height": 900}, color_scheme="light")
    yield made
    made.context.close()


def column(page: Page, index: int) -> list[str]:
    return [row.locator("th, td").nth(index).inner_text() for row in page.locator(CELLS).all()]


def number(text: str) -> float:
    plain = text.split("\N{NO-BREAK SPACE}", maxsplit=1)[0].split(" ", maxsplit=1)[0]
    return float(re.sub(r"[.,](?=\d{3}\b)", "", plain).replace(",", "."))


def header(page: Page, index: int) -> Locator:
    return page.locator("table[data-table=cells] thead th").nth(index)


def test_the_page_is_quiet_and_asks_nobody(visit: Visit) -> None:
    visit.see_all_figures()
    assert visit.is_quiet(), (visit.complaints, visit.requests)


def test_the_policy_forbids_foreign_scripts_and_the_network(visit: Visit) -> None:
    refused = visit.page.evaluate(
        """async () => {
            const script = document.createElement("script");
            script.textContent = "window.broken = true";
            document.body.append(script);
            try { await fetch("https://127.0.0.1:9/"); return "fetched"; } catch { return String(window.broken); }
        }"""
    )
    assert refused == "undefined"
    assert len([text for text in visit.complaints if "Content Security Policy" in text]) >= 2


def test_sorting_by_click_and_by_keyboard(visit: Visit) -> None:
    page, gzip = visit.page, 9
    assert header(page, gzip).get_attribute("aria-sort") is None
    header(page, gzip).get_by_role("button").click()
    assert header(page, gzip).get_attribute("aria-sort") == "ascending"
    shown = [number(text) for text in column(page, gzip) if text != "–"]
    assert len(shown) == 4 and shown == sorted(shown)
    assert all(text == "–" for text in column(page, gzip)[4:])
    header(page, gzip).get_by_role("button").press("Enter")
    assert header(page, gzip).get_attribute("aria-sort") == "descending"
    assert [number(text) for text in column(page, gzip)[:4]] == shown[::-1]
    header(page, 0).get_by_role("button").press("Space")
    assert header(page, gzip).get_attribute("aria-sort") is None
    groups = [list(names) for _, names in groupby(column(page, 0), lambda name: name.split("/")[0])]
    assert len(groups) == 3
    assert all(names == sorted(names) for names in groups)


def test_filtering_by_text_and_by_part(visit: Visit) -> None:
    page, rows = visit.page, visit.page.locator(f"{CELLS}:visible")
    assert rows.count() == 24
    page.locator(".filter input").fill("V3_SMALL/s6")
    assert rows.count() == 2
    page.locator(".filter select[name=precision]").select_option("int8")
    assert column(page, 0)[rows.first.evaluate("row => [...row.parentElement.rows].indexOf(row)")] == (
        "mobilenet_v3_small/s60/int8"
    )
    assert rows.count() == 1
    said = page.locator(".filter output").inner_text()
    total = page.locator("table.filterable tbody tr").count()
    assert re.findall(r"\d+", said)[-1] == str(total)
    page.locator(".filter button").click()
    expect(rows).to_have_count(24)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dark_and_light_follow_the_system_and_the_button(browser: Browser, report: Path, scheme: str) -> None:
    visit = Visit(browser, report, color_scheme=scheme)
    background = "getComputedStyle(document.body).backgroundColor"
    colours = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}
    other = "dark" if scheme == "light" else "light"
    assert visit.page.evaluate(background) == colours[scheme]
    visit.page.locator("#theme").press("Enter")
    assert visit.page.evaluate(background) == colours[other]
    assert visit.is_quiet()
    visit.context.close()


def test_figures_come_alive_and_show_their_data(visit: Visit) -> None:
    visit.see_all_figures()
    point = visit.page.locator("#gzip-by-sparsity .drawing svg .mark-symbol.role-mark path").last
    point.hover()
    tooltip = visit.page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()
    assert "MobileNetV3 Small" in tooltip.inner_text()


def test_a_number_leads_to_its_record(visit: Visit) -> None:
    page = visit.page
    cell = page.locator("tr[data-cell='mobilenet_v3_small/s60/int8'] td[data-record$='convert.json'] a").first
    cell.click()
    target = page.locator("tr:target")
    assert target.is_visible()
    assert "mobilenet_v3_small/s60/int8/convert.json" in target.inner_text()


def test_a_keyboard_reaches_everything(visit: Visit) -> None:
    page = visit.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator(".skip").bounding_box()["x"] >= 0  # type: ignore[index]
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.getElementById('main').contains(document.activeElement)")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1300])
def test_axe_finds_nothing_serious(browser: Browser, report: Path, scheme: str, width: int) -> None:
    visit = Visit(browser, report, viewport={"width": width, "height": 800}, color_scheme=scheme)
    visit.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    visit.see_all_figures()
    found = Axe().run(visit.page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in SERIOUS] == []
    visit.context.close()


def test_a_phone_does_not_scroll_sideways(browser: Browser, report: Path) -> None:
    visit = Visit(browser, report, viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    visit.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    visit.see_all_figures()
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 360
    visit.context.close()


def test_print_shows_what_matters(visit: Visit) -> None:
    page = visit.page
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible() and not page.locator(".filter").is_visible()
    assert page.locator("#claim-4-evidence").is_visible()
    assert page.locator(".records tbody tr").first.is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")
    for region in page.locator("main .scroll:has(table[data-table])").all():
        assert region.evaluate("(one) => one.scrollHeight <= one.clientHeight + 1")


def test_without_scripts_all_is_there(browser: Browser, report: Path) -> None:
    visit = Visit(browser, report, java_script_enabled=False)
    assert visit.page.locator(CELLS).count() == 24
    assert visit.page.locator("figure .drawing svg").count() == FIGURES
    visit.context.close()
