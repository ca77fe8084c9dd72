"""Claims about the report page as a person meets it: in Chromium, by mouse, keyboard and on paper.

Every test also asserts that the console stayed empty and that nothing was asked of a network.
"""

import pytest
from tests.browsing import axe_findings
from tests.reporting.browser.conftest import Opened
from tests.reporting.conftest import HOSTILE

DIALOG = "dialog[open]"


def test_a_table_sorts_by_a_button_in_its_heading(opened: Opened) -> None:
    page = opened()
    table = page.locator("table", has=page.get_by_text("One row for each run on each benchmark"))
    heading = table.locator("th", has_text="plcc").first
    heading.locator("button").press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    place = heading.evaluate("cell => cell.cellIndex + 1")
    values = [float(text) for text in table.locator(f"td:nth-child({place})").all_inner_texts()]
    assert values == sorted(values, reverse=True)
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"


def test_a_point_opens_its_clip_by_mouse(opened: Opened) -> None:
    page = opened()
    page.locator("#of-place").select_option("seen")
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


def test_a_clip_opens_by_keyboard_with_its_copies_and_gives_the_focus_back(opened: Opened) -> None:
    page = opened()
    page.locator("#of-place").select_option("")
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
def test_the_theme_is_the_system_s_until_the_switch_is_pressed(opened: Opened, theme: str) -> None:
    page = opened(theme=theme)
    other = {"light": "dark", "dark": "light"}[theme]
    assert page.locator("html").get_attribute("data-theme") == theme
    colour = "document.querySelector('.xtick text').style.fill"
    before = page.evaluate(colour)
    page.locator("#theme").press("Enter")
    assert page.locator("html").get_attribute("data-theme") == other
    page.wait_for_function(f"{colour} !== '{before}'")
    page.locator("#theme").press("Enter")
    assert page.locator("html").get_attribute("data-theme") == theme


def test_a_phone_scrolls_in_one_direction_alone(opened: Opened) -> None:
    page = opened(width=400, theme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    page.locator("#found tbody button").first.click()
    assert page.locator(DIALOG).evaluate("box => box.scrollWidth <= box.clientWidth")


def test_paper_is_light_and_has_no_controls(opened: Opened) -> None:
    page = opened(theme="dark")
    page.emulate_media(media="print")
    page.wait_for_selector('html[data-theme="light"]')
    assert not page.locator(".controls").first.is_visible()
    assert page.locator("#answer .plot").is_visible()
    assert page.pdf().startswith(b"%PDF")
    page.emulate_media(media="screen")


@pytest.mark.parametrize(("theme", "width"), [("light", 1200), ("dark", 400)])
def test_axe_finds_nothing_serious(opened: Opened, theme: str, width: int) -> None:
    page = opened(theme=theme, width=width)
    found = axe_findings(page)
    page.locator("#found tbody button").first.click()
    page.wait_for_selector(DIALOG)
    found += axe_findings(page)
    assert [one for one in found if one.impact in ("serious", "critical")] == []
