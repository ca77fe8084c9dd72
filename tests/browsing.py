"""What tests of pages in a browser share."""

from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

# The limit ends what hangs, before pytest's own does; no machine is too slow or too busy for it.
LONG_MS = 25 * 60 * 1000


class Finding(NamedTuple):
    """A rule of axe-core that a page breaks, how much it matters, and where."""

    rule: str
    impact: str
    nodes: tuple[str, ...]


def axe_findings(page: "Page") -> list[Finding]:
    """What axe-core finds on a page that has come to rest: half-faded text has no contrast."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python"
    )
    page.wait_for_function("document.getAnimations().length === 0")
    return [
        Finding(
            one["id"],
            one["impact"],
            tuple(f"{node['html']}: {node['failureSummary']}" for node in one["nodes"]),
        )
        for one in axe.Axe().run(page).response["violations"]
    ]
