"""The finished scale's page in a real browser, without a network."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page
from tests.browsing import LONG_MS

from vqathinker.reporting.page.write import write_page

Opened = Callable[..., Page]


@pytest.fixture(scope="session")
def report(finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("browser") / "report.html"
    write_page("demo", finished.sources, out)
    return out


class Watched(NamedTuple):
    """Pages that were opened, and what they complained of or asked for."""

    browser: Browser
    pages: dict[tuple[Path, int, str], Page]
    complaints: list[str]
    requests: list[str]

    def page(self, path: Path, width: int, theme: str) -> Page:
        """The page as it is when it has just been opened; unpacking plotly.js again takes long."""
        if (path, width, theme) not in self.pages:
            self.pages[path, width, theme] = self._open(path, width, theme)
        page = self.pages[path, width, theme]
        page.evaluate("document.getElementById('clip').close()")
        page.locator("#find").fill("")
        return page

    def _open(self, path: Path, width: int, theme: str) -> Page:
        viewport = {"width": width, "height": 800}
        page = self.browser.new_context(viewport=viewport, color_scheme=theme).new_page()
        page.set_default_timeout(LONG_MS)
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]")
        return page


@pytest.fixture(scope="session")
def watched(browser: Browser) -> Watched:
    return Watched(browser, {}, [], [])


@pytest.fixture
def opened(watched: Watched, report: Path) -> Iterator[Opened]:
    """Opens the page, and at the end sees that nothing was complained of or asked for."""

    def open_page(path: Path = report, width: int = 1200, theme: str = "light") -> Page:
        return watched.page(path, width, theme)

    yield open_page
    assert watched.complaints == []
    outside = [url for url in watched.requests if not url.startswith(("file:", "data:", "blob:"))]
    assert outside == []
