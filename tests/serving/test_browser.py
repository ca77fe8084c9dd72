"""The page in a real browser: two clips are compared, and no script of theirs runs."""

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


class Watched:
    """A page in the browser, what it asked for, and what it complained of."""

    def __init__(self, page: "Page", address: str) -> None:
        self.page = page
        self.elsewhere: list[str] = []
        self.errors: list[str] = []
        own = (address, "data:", "blob:")
        page.on("request", lambda r: r.url.startswith(own) or self.elsewhere.append(r.url))
        page.on("console", lambda m: m.type == "error" and self.errors.append(m.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def drop(self, side: str, clip: Path) -> str:
        """Drop a clip on a side, of which other things are said than of the last one there."""
        panel = self.page.locator(f"#clip-{side}")
        self.page.evaluate(
            "s => document.querySelector(`#clip-${s} .vq`)?.classList.add('old')", side
        )
        self.page.locator("input[type=file]").nth("ab".index(side)).set_input_files(clip)
        panel.locator(".vq:not(.old)").wait_for()
        return panel.inner_text()


@pytest.fixture(scope="module")
def opened(served: Served, browser: "Browser") -> Iterator[Watched]:
    """The page, in a browser that has told the password."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(BROWSER_TIMEOUT_MS)
    watched = Watched(page, served.address)
    page.goto(served.address)
    page.get_by_label("username").fill("anybody")
    page.get_by_label("password").fill(PASSWORD)
    page.get_by_role("button", name="Login").click()
    page.locator("input[type=file]").first.wait_for(state="attached")
    watched.errors.clear()  # one of them is the login's own 401
    yield watched
    page.close()


def test_clips_are_scored_and_compared_and_no_script_of_theirs_runs(
    opened: Watched, clip: Path, tmp_path: Path, served: Served
) -> None:
    named = tmp_path / "<img src=x onerror=alert(1)>${alert(1)}{{value}}.mp4"
    shutil.copy(clip, named)
    first, second = opened.drop("a", clip), opened.drop("b", named)
    for said in (first, second):
        assert "mean score" in said
        assert hostile.SCRIPT in said
    assert "alert(1)" in second.replace("alert1", "alert(1)")
    opened.page.locator("#comparison p").wait_for()
    assert "same score" in opened.page.locator("#comparison").inner_text()
    assert opened.page.title() == "VQAThinker"
    loaded = "[...document.querySelectorAll('.vq img')].map(i => i.naturalWidth)"
    assert opened.page.evaluate(loaded) == [56] * 12
    assert (opened.elsewhere, opened.errors) == ([], [])
    assert not served.uploads()


def test_the_page_with_a_scored_clip_is_fit_for_screen_readers(opened: Watched, clip: Path) -> None:
    if not opened.page.locator("#clip-a .vq-score").count():
        opened.drop("a", clip)
    for scheme in ("light", "dark"):
        opened.page.emulate_media(color_scheme=scheme)
        assert axe_findings(opened.page) == []
