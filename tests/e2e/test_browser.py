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
from tests.shown import number

FIGURES = 9
CELLS = "table[data-table=cells] tbody tr"
PATIENCE_MS = 300_000  # what is not on the page by then never comes
expect.set_options(timeout=PATIENCE_MS)
SERIOUS = ("serious", "critical")
MILLIMETRE = 96 / 25.4  # in CSS pixels, 96 an inch
A4_PORTRAIT = (210 * MILLIMETRE, 297 * MILLIMETRE)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """`KIT_CHROMIUM`, or a Chromium on the path."""
    program = os.environ.get("KIT_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.fail("no Chromium: `apt-get install chromium`, or give its path as KIT_CHROMIUM")
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=program, args=["--no-sandbox"], timeout=PATIENCE_MS)
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
        self.context.set_default_timeout(PATIENCE_MS)
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
        expect(self.page.locator("figure[data-alive]")).to_have_count(FIGURES)


@pytest.fixture
def visit(browser: Browser, report: Path) -> Iterator[Visit]:
    made = Visit(browser, report, viewport={"width": 1300, "height": 900}, color_scheme="light")
    yield made
    made.context.close()


def first_page(pdf: bytes) -> tuple[float, float]:
    """Width and height of a PDF's first page in CSS pixels."""
    sizes = re.findall(rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    return float(sizes[0][0]) / 0.75, float(sizes[0][1]) / 0.75


def column(page: Page, index: int) -> list[str]:
    return [row.locator("th, td").nth(index).inner_text() for row in page.locator(CELLS).all()]


def opened(page: Page) -> Page:
    """The page with the long tables unfolded."""
    for folded in page.locator("details.long").all():
        folded.locator("summary").click()
    return page


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
    page, gzip = opened(visit.page), 10
    assert header(page, gzip).get_attribute("aria-sort") is None
    header(page, gzip).get_by_role("button").click()
    assert header(page, gzip).get_attribute("aria-sort") == "ascending"
    language = page.locator("html").get_attribute("lang") or ""
    shown = [number(text, language) for text in column(page, gzip) if text != "–"]
    assert len(shown) == 4 and shown == sorted(shown)
    assert all(text == "–" for text in column(page, gzip)[4:])
    header(page, gzip).get_by_role("button").press("Enter")
    assert header(page, gzip).get_attribute("aria-sort") == "descending"
    assert [number(text, language) for text in column(page, gzip)[:4]] == shown[::-1]
    header(page, 0).get_by_role("button").press("Space")
    assert header(page, gzip).get_attribute("aria-sort") is None
    groups = [list(names) for _, names in groupby(column(page, 0), lambda name: name.split("/")[0])]
    assert len(groups) == 3
    assert all(names == sorted(names) for names in groups)


def test_choosing_a_network_by_its_limits(visit: Visit) -> None:
    page, rows = visit.page, visit.page.locator("table[data-table=choice] tbody tr:visible")
    assert rows.count() == 4
    visit.see_all_figures()
    sizes = sorted(float(cell.get_attribute("data-value") or "nan") for cell in rows.locator("td:nth-child(4)").all())
    page.get_by_role("spinbutton").nth(2).fill(str(sizes[1]))
    small = [cell.get_attribute("data-value") for cell in rows.locator("td:nth-child(4)").all()]
    assert sorted(float(value or "nan") for value in small) == sizes[:2]
    assert re.findall(r"\d+", page.locator(".choose output").inner_text()) == [str(len(small)), "4"]
    command = rows.first.locator("td").last.inner_text()
    assert command.startswith("kit reproduce --preset smoke mobilenet_v3_small/s")
    faint = page.locator(
        "#which-network path[aria-roledescription=point][opacity='0.08'], #which-network path[opacity='0.08']"
    )
    expect(faint).to_have_count(3 * (4 - len(small)))
    page.get_by_role("spinbutton").first.fill("101")
    assert rows.count() == 0
    page.locator(".choose button").press("Enter")
    expect(rows).to_have_count(4)
    page.locator(".choose input[type=checkbox]").press("Space")
    assert 0 < rows.count() <= 4 and all(text != "–" for text in rows.locator("td:nth-child(7)").all_inner_texts())


def test_a_chosen_cell_shows_what_it_gets_wrong(visit: Visit) -> None:
    section = visit.page.locator("section.mistakes")
    before = section.locator(".confusion td").all_inner_texts()
    heading = section.locator("h3").inner_text()
    section.locator("select").select_option("mobilenet_v3_small/s60/float32")
    assert section.locator(".confusion td").all_inner_texts() != before
    assert section.locator("h3").inner_text() == heading.replace(", 0", ", 60").replace("int8", "float32")
    expect(section.locator(".shots li")).to_have_count(0)
    section.locator("select").select_option("mobilenet_v3_small/s00/int8")
    assert section.locator(".confusion td").all_inner_texts() == before


def test_filtering_by_text_and_by_part(visit: Visit) -> None:
    page, rows = opened(visit.page), visit.page.locator(f"{CELLS}:visible")
    assert rows.count() == 24
    page.locator(".filter input").fill("V3_SMALL/s6")
    assert rows.count() == 2
    page.locator(".filter select[name=precision]").select_option("int8")
    assert column(page, 0)[rows.first.evaluate("row => [...row.parentElement.rows].indexOf(row)")] == (
        "mobilenet_v3_small@1/s60/int8"
    )
    assert rows.count() == 1
    said = page.locator(".filter output").inner_text()
    total = page.locator("section:has(.filter) table.filterable tbody tr").count()
    assert re.findall(r"\d+", said)[-1] == str(total)
    page.locator(".filter button").click()
    expect(rows).to_have_count(24)


OVERLAPPING = """
items => items.filter(item => {
  const [badge, beside] = [item.querySelector(".badge"), item.querySelector("p:not(.statement)")];
  return badge.getBoundingClientRect().right > beside.getBoundingClientRect().left;
}).length
"""


def test_an_outcome_stands_beside_its_reason(browser: Browser) -> None:
    """The longest outcomes are of single trainings: the committed run has them."""
    visit = Visit(browser, Path(__file__).parents[2] / "reports" / "reference" / "report.html")
    claims = visit.page.locator(".claims > li")
    assert "on one training: partly" in claims.first.inner_text()
    assert claims.count() == 30 and claims.evaluate_all(OVERLAPPING) == 0
    visit.context.close()


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
    cell = opened(page).locator("tr[data-cell='mobilenet_v3_small@1/s60/int8'] td[data-record$='convert.json'] a").first
    cell.click()
    target = page.locator("tr:target")
    assert target.is_visible()
    assert "mobilenet_v3_small@1/s60/int8/convert.json" in target.inner_text()


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
    assert page.locator(".outcomes li").first.is_visible() and page.locator("details.long table").first.is_visible()
    assert first_page(page.pdf(prefer_css_page_size=True)) == pytest.approx(A4_PORTRAIT, abs=1)
    for region in page.locator("main .scroll:has(table[data-table])").all():
        assert region.evaluate("(one) => one.scrollHeight <= one.clientHeight + 1")


def test_the_summary_fits_on_the_first_page(visit: Visit) -> None:
    page = visit.page
    visit.see_all_figures()
    margins = (2 * 12 * MILLIMETRE, 2 * 10 * MILLIMETRE)
    width, height = (int(size - margin) for size, margin in zip(A4_PORTRAIT, margins, strict=True))
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(media="print")
    top, bottom = (page.locator(one).first.bounding_box() for one in ("header", ".summary"))
    assert top and bottom
    assert bottom["y"] + bottom["height"] - top["y"] <= height
    assert page.locator(".summary .outcomes li").count() == 30 and page.locator(".summary svg").first.is_visible()


def test_without_scripts_all_is_there(browser: Browser, report: Path) -> None:
    visit = Visit(browser, report, java_script_enabled=False)
    assert visit.page.locator(CELLS).count() == 24
    assert visit.page.locator("figure .drawing svg").count() == FIGURES
    visit.context.close()
