"""Accessibility checks for pages in a browser."""

from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Long enough for slow and busy machines, and shorter than the timeout of pytest.
BROWSER_TIMEOUT_MS = 25 * 60 * 1000


class Finding(NamedTuple):
    """A rule of axe-core that a page breaks, with its impact and the HTML of the elements."""

    rule: str
    impact: str
    nodes: tuple[str, ...]


def axe_findings(page: "Page") -> list[Finding]:
    """Findings of axe-core on a page."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python"
    )
    # Text that fades in has too little contrast.
    page.wait_for_function("document.getAnimations().length === 0")
    return [
        Finding(
            one["id"],
            one["impact"],
            tuple(f"{node['html']}: {node['failureSummary']}" for node in one["nodes"]),
        )
        for one in axe.Axe().run(page).response["violations"]
    ]
