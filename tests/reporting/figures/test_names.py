"""Names of users in figures: they are shown as they are, in every place and script."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from vqathinker.reporting.figures import (
    _add_legend as add_legend,
)
from vqathinker.reporting.figures import (
    draw_over_time,
    save_figure,
    write_residuals,
)
from vqathinker.reporting.plot_data import JUDGED as COLUMNS

NAMES = [
    "win$100_and_$5.mp4", "Ba$$in.mp4", "a_$x^2_b$.mp4", r"\$x\$", "$\\frac{$", "<b>&amp;</b>",
    "映像.mp4", "ملف.mp4", "कख.mp4", "🎞.mp4",
]  # fmt: skip


def words_of(path: Path) -> set[str]:
    """Every text in an SVG."""
    texts = ET.parse(path).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314
    return {"".join(text.itertext()) for text in texts}


@pytest.mark.parametrize("name", NAMES)
def test_a_clip_s_name_is_the_title_of_its_plot(name: str, tmp_path: Path) -> None:
    draw_over_time([(0, 2, 3.5), (2, 4, None)], name, tmp_path / "plot.png")
    assert name in words_of(tmp_path / "plot.svg")
    assert (tmp_path / "plot.png").is_file()


def test_a_name_that_is_no_text_still_gives_a_plot(tmp_path: Path) -> None:
    draw_over_time([(0, 2, 3.5)], "a\x1b\x00\udcff$1$.mp4", tmp_path / "plot.png")
    assert "a���$1$.mp4" in words_of(tmp_path / "plot.svg")


def test_names_stand_in_titles_ticks_legends_and_labels(tmp_path: Path) -> None:
    figure = Figure(layout="constrained")
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], label="$a$ legend")
    axis.set(title="$b$ title", xlabel="$c$ x", ylabel="$d$ y")
    axis.set_yticks([0, 1], ["$e$ tick", "$f$ tick"])
    axis.annotate("$g$ note", (0.5, 0.5))
    figure.suptitle("$h$ above")
    add_legend(figure)
    save_figure(figure, tmp_path / "plot.png")
    shown = {text for text in words_of(tmp_path / "plot.svg") if "$" in text}
    assert {text[1] for text in shown} == set("abcdefgh")
    assert {text[::2][:2] for text in shown} == {"$$"}


def test_names_of_contents_are_the_ticks_of_residuals(tmp_path: Path) -> None:
    rows = [
        ("run", "set", f"{number}.mp4", number % 7, number % 5, 1.0, f"$x_{number % 3}$ \x07", None)
        for number in range(30)
    ]
    write_residuals(pd.DataFrame(rows, columns=COLUMNS), tmp_path)
    assert {f"$x_{number}$ �" for number in range(3)} <= words_of(tmp_path / "residuals_run.svg")
