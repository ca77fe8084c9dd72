"""Texts of users in the page's plots: plotly.js shows them as they are."""

import html
from typing import Any

import pytest

from vqathinker.reporting.page.plots import (
    attribution_plot,
    ladder_plot,
    ranks_plot,
    residual_plots,
)

NAMES = ["<b>b</b>", "<a href='http://a'>a</a>", "a<br>b", "&lt;", "@6", "@line", "映像"]


def texts_of(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in texts_of(one)]


@pytest.mark.parametrize("name", NAMES)
def test_names_in_plots_are_no_markup(name: str) -> None:
    numbers = {"value": 0.5, "low": 0.4, "high": 0.6, "chance": 0.25, "mean": 0.1, "deviation": 0.1}
    drawn = [
        attribution_plot(
            [{"part": "kind", "measure": "accuracy", "run": name, "task": "t", "name": name}
             | numbers]
        ),
        *residual_plots(name, [{"run": name, "by": "content", "benchmark": name, "group": name}
                               | numbers]),
        ranks_plot([{"method": name, "training_data": None, "ours": ours, "benchmark": name,
                     "rank": 1} for ours in (True, False)]),
        ladder_plot([{"measure": "srcc", "benchmark": "average", "domain": "d", "row": name,
                      "difference": 0.1, "difference_low": 0.0, "difference_high": 0.2}]),
    ]  # fmt: skip
    for plot in drawn:
        assert plot is not None
        texts = [text for text in texts_of(plot.data) + texts_of(plot.layout)
                 if name in html.unescape(text)]  # fmt: skip
        assert texts
        assert all("<" not in text and not text.startswith("@") for text in texts)
