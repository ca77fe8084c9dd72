"""The page in a real browser: it compares two clips, and runs no script from them."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.browsing import BROWSER_TIMEOUT_MS, axe_findings
from tests.serving import hostile
from tests.serving.conftest import PASSWORD, Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


class WatchedPage:
    """A page in the browser, with its requests to other servers and its errors."""

    def __init__(self, page: "Page", address: str) -> None:
        self.page = page
        self.foreign_requests: list[str] = []
        self.errors: list[str] = []
        own = (address, "data:", "blob:")
        page.on("request", lambda r: r.url.startswith(own) or self.foreign_requests.append(r.url))
        page.on("console", lambda m: m.type == "error" and self.errors.append(m.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def drop(self, side: str, clip: Path) -> str:
        """Drop a clip on one side, and return the text of its new panel."""
        panel = self.page.locator(f"#clip-{side}")
        self.page.evaluate(
            "s => document.querySelector(`#clip-${s} .vq`)?.classList.add('old')", side
        )
        self.page.locator("input[type=file]").nth("ab".index(side)).set_input_files(clip)
        panel.locator(".vq:not(.old)").wait_for()
        return panel.inner_text()


@pytest.fixture(scope="module")
def opened(served: Served, browser: "Browser") -> Iterator[WatchedPage]:
    """The page in a browser that is logged in."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(BROWSER_TIMEOUT_MS)
    watched = WatchedPage(page, served.address)
    page.goto(served.address)
    page.get_by_label("username").fill("anybody")
    page.get_by_label("password").fill(PASSWORD)
    page.get_by_role("button", name="Login").click()
    page.locator("input[type=file]").first.wait_for(state="attached")
    watched.errors.clear()  # the login page itself causes a 401
    yield watched
    page.close()


def test_clips_are_compared_and_their_scripts_do_not_run(
    opened: WatchedPage, clip: Path, tmp_path: Path, served: Served
) -> None:
    named = tmp_path / "<img src=x onerror=alert(1)>${alert(1)}{{value}}.mp4"
    shutil.copy(clip, named)
    first, second = opened.drop("a", clip), opened.drop("b", named)
    for text in (first, second):
        assert "mean score" in text
        assert hostile.SCRIPT in text
    assert "alert(1)" in second.replace("alert1", "alert(1)")
    opened.page.locator("#comparison p").wait_for()
    assert "same score" in opened.page.locator("#comparison").inner_text()
    assert opened.page.title() == "VQAThinker"
    loaded = "[...document.querySelectorAll('.vq img')].map(i => i.naturalWidth)"
    assert opened.page.evaluate(loaded) == [56] * 12
    assert (opened.foreign_requests, opened.errors) == ([], [])
    assert not served.uploads()


def test_a_page_with_a_scored_clip_is_accessible(opened: WatchedPage, clip: Path) -> None:
    if not opened.page.locator("#clip-a .vq-score").count():
        opened.drop("a", clip)
    for scheme in ("light", "dark"):
        opened.page.emulate_media(color_scheme=scheme)
        assert axe_findings(opened.page) == []
