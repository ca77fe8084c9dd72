"""What every figure has in common: colours, axes, a grid of panels, and how it is written."""

import math
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from vqathinker.atomic import whole_file

__all__ = [
    "COLOURS",
    "add_legend",
    "empty_figure",
    "panels_of",
    "printable",
    "save_figure",
    "style_axis",
    "write_numbers",
]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_COLUMNS = 3
_DPI = 130

Shown = TypeVar("Shown")


def empty_figure(text: str) -> Figure:
    """A figure that says why it shows nothing."""
    figure = Figure(figsize=(9, 2), layout="constrained")
    figure.text(0.5, 0.5, text, ha="center")
    return figure


def panels_of(
    shown: Sequence[Shown], title: str = ""
) -> tuple[Figure, Iterator[tuple[Axes, Shown]]]:
    """A figure with a panel for each of `shown`, three in a line, and the panels with them."""
    columns = min(_COLUMNS, len(shown))
    lines = math.ceil(len(shown) / columns)
    figure = Figure(figsize=(3 * columns, 3 * lines + 0.4), layout="constrained")
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    axes = figure.subplots(lines, columns, squeeze=False)
    for axis in axes.flat[len(shown) :]:
        axis.set_axis_off()
    return figure, zip(axes.flat, shown, strict=False)


def add_legend(figure: Figure) -> None:
    """Name the lines of the first panel above all panels."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=4, frameon=False)


def style_axis(axis: Axes) -> None:
    """A faint grid, and no frame above and at the right."""
    axis.grid(alpha=0.25, linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as `path`, which ends in .png, and as SVG beside it; always the same bytes.

    All text is shown as it is: a dollar sign begins no formula.
    """
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    with warnings.catch_warnings():
        # The PNG has boxes in place of scripts that its font lacks; the SVG has the characters.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        with whole_file(path) as part:
            figure.savefig(part, format="png", dpi=_DPI)
        # Without a salt the names of an SVG's parts are drawn at random.
        style = mpl.rc_context({"svg.hashsalt": path.stem, "svg.fonttype": "none"})
        with whole_file(path.with_suffix(".svg")) as part, style:
            figure.savefig(part, format="svg", metadata={"Date": None})


def printable(text: str) -> str:
    r"""Text without the characters that no SVG can hold: control characters and lone surrogates.

    >>> printable("a\x1b[b\udcff.mp4")
    'a�[b�.mp4'
    """
    return "".join("\ufffd" if unicodedata.category(one) in {"Cc", "Cs"} else one for one in text)


def write_numbers(table: pd.DataFrame, path: Path) -> None:
    """Write what a figure shows as CSV with six decimals."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part:
        table.to_csv(part, index=False, float_format="%.6f", lineterminator="\n")
