"""Figure: the score of one long clip over time."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from vqathinker.reporting.figures.drawing import COLOURS, printable, save_figure, style_axis

__all__ = ["draw_over_time"]


def draw_over_time(
    parts: Sequence[tuple[float, float, float | None]], title: str, path: Path
) -> None:
    """Draw a line for each part as `path`, as PNG and as SVG beside it; always the same bytes.

    `parts` are start and end in seconds, and the score; a part without one leaves a gap.
    """
    figure = Figure(figsize=(9, 3), layout="constrained")
    axis = figure.subplots()
    for start, end, score in parts:
        if score is not None:
            axis.plot([start, end], [score, score], color=COLOURS[0], linewidth=3)
    axis.set(title=printable(title), xlabel="seconds", ylabel="score")
    style_axis(axis)
    save_figure(figure, path.with_suffix(".png"))
