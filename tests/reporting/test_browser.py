"""Tests of the report page in Chromium: mouse, keyboard, print and accessibility.

Every test also asserts that the console has no errors and that nothing is loaded from a network.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.browsing import BROWSER_TIMEOUT_MS, axe_findings
from tests.reporting.conftest import HOSTILE

from vqathinker.reporting.page.write import write_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

OpenPage = Callable[..., "Page"]
DIALOG = "dialog[open]"


@dataclass
class ReportBrowser:
    """Opened pages, with their console errors and requests."""

    browser: "Browser"
    report: Path
    pages: "dict[tuple[int, str], Page]" = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def page(self, width: int, theme: str) -> "Page":
        """A freshly opened or reset page; opening is slow, because it decompresses plotly.js."""
        if (width, theme) not in self.pages:
            self.pages[width, theme] = self._open(width, theme)
        page = self.pages[width, theme]
        page.evaluate("document.getElementById('clip').close()")
        page.locator("#find").fill("")
        return page

    def _open(self, width: int, theme: str) -> "Page":
        viewport = {"width": width, "height": 800}
        page = self.browser.new_context(viewport=viewport, color_scheme=theme).new_page()
        page.set_default_timeout(BROWSER_TIMEOUT_MS)
        page.on("console", lambda message: self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(self.report.as_uri())
        page.wait_for_selector("html[data-ready]")
        return page


@pytest.fixture(scope="module")
def report_browser(browser, finished, tmp_path_factory: pytest.TempPathFactory) -> ReportBrowser:
    report = tmp_path_factory.mktemp("browser") / "report.html"
    write_page("demo", finished.sources, report, title="Report")
    return ReportBrowser(browser, report)


@pytest.fixture
def open_page(report_browser: ReportBrowser) -> Iterator[OpenPage]:
    """Function that opens the page. Afterwards, checks for errors and requests."""
    yield lambda width=1200, theme="light": report_browser.page(width, theme)
    assert report_browser.errors == []
    outside = [
        url for url in report_browser.requests if not url.startswith(("file:", "data:", "blob:"))
    ]
    assert outside == []


def test_tables_sort_by_a_button_in_the_heading(open_page: OpenPage) -> None:
    page = open_page()
    table = page.locator("table", has=page.get_by_text("One row for each run on each benchmark"))
    heading = table.locator("th", has_text="plcc").first
    heading.locator("button").press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    place = heading.evaluate("cell => cell.cellIndex + 1")
    values = [float(text) for text in table.locator(f"td:nth-child({place})").all_inner_texts()]
    assert values == sorted(values, reverse=True)
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"


def test_clicking_a_point_opens_its_clip(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("#benchmark-select").select_option("seen")
    point = page.locator("#plot-points .points path").nth(2)
    page.locator("#plot-points").scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector(DIALOG)
    assert page.locator("#clip-name").inner_text() == "03.mp4 of seen"
    body = page.locator("#clip-body").inner_text()
    for piece in (
        "MOS 2.091",
        "grpo: greedy score",
        "base: greedy score",
        "<think>grpo 03.mp4</think>",
    ):
        assert piece in body
    frames = page.locator("#clip-body .strip span")
    assert frames.count() == 4
    assert "blob:" in frames.first.evaluate("frame => frame.style.backgroundImage")


def test_a_clip_opens_by_keyboard_and_returns_the_focus(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("#benchmark-select").select_option("")
    page.locator("#find").focus()
    page.keyboard.type("01.mp4")
    assert page.locator("#found-count").inner_text() == "1 to 2 of 2"
    button = page.locator("#found tbody button").first
    button.press("Enter")
    page.wait_for_selector(DIALOG)
    while page.locator("#clip-name").inner_text() != "01.mp4 of seen":
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(20)
    copy = page.locator("#clip-body .copy")
    assert "reverse: 2.000" in copy.inner_text()
    assert copy.locator(".strip").get_attribute("aria-label") == "Frames in the order 4, 3, 2, 1"
    assert HOSTILE in copy.locator("div").first.get_attribute("title")
    assert page.locator("img[src=x]").count() == 0
    page.keyboard.press("Escape")
    assert page.locator(DIALOG).count() == 0
    assert button.evaluate("one => one === document.activeElement")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_follows_the_system_until_the_button_is_pressed(
    open_page: OpenPage, theme: str
) -> None:
    page = open_page(theme=theme)
    other = {"light": "dark", "dark": "light"}[theme]
    assert page.locator("html").get_attribute("data-theme") == theme
    colour = "document.querySelector('.xtick text').style.fill"
    before = page.evaluate(colour)
    page.locator("#theme").press("Enter")
    assert page.locator("html").get_attribute("data-theme") == other
    page.wait_for_function(f"{colour} !== '{before}'")
    page.locator("#theme").press("Enter")
    assert page.locator("html").get_attribute("data-theme") == theme


def test_no_horizontal_scrolling_on_a_phone(open_page: OpenPage) -> None:
    page = open_page(width=400, theme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    page.locator("#found tbody button").first.click()
    assert page.locator(DIALOG).evaluate("box => box.scrollWidth <= box.clientWidth")


def test_print_is_light_and_has_no_controls(open_page: OpenPage) -> None:
    page = open_page(theme="dark")
    page.emulate_media(media="print")
    page.wait_for_selector('html[data-theme="light"]')
    assert not page.locator(".controls").first.is_visible()
    assert page.locator("#answer .plot").is_visible()
    assert page.pdf().startswith(b"%PDF")
    page.emulate_media(media="screen")


@pytest.mark.parametrize(("theme", "width"), [("light", 1200), ("dark", 400)])
def test_axe_finds_no_serious_problems(open_page: OpenPage, theme: str, width: int) -> None:
    page = open_page(theme=theme, width=width)
    found = axe_findings(page)
    page.locator("#found tbody button").first.click()
    page.wait_for_selector(DIALOG)
    found += axe_findings(page)
    assert [one for one in found if one.impact in ("serious", "critical")] == []
