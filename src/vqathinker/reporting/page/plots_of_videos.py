"""Plots over groups of videos: calibration, and what is judged too well or too badly."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vqathinker.reporting.page.plots import Dot, Plot, plain, rows_plot

__all__ = ["calibration_plot", "residual_plots"]

Row = Mapping[str, Any]
_MOST = 40  # groups that one plot can name


def calibration_plot(rows: Sequence[Row]) -> Plot | None:
    """Mean MOS of videos of similar score, a line for each run on each benchmark."""
    lines = dict.fromkeys((row["run"], row["benchmark"]) for row in rows)
    if not lines:
        return None
    runs = list(dict.fromkeys(run for run, _ in lines))
    dashes = ("solid", "dash", "dot", "dashdot")
    places = list(dict.fromkeys(place for _, place in lines))
    traces = []
    for run, place in lines:
        own = [row for row in rows if (row["run"], row["benchmark"]) == (run, place)]
        traces.append({
            "type": "scatter", "mode": "lines+markers", "name": plain(f"{run}, {place}"),
            "x": [row["score"] for row in own], "y": [row["mos"] for row in own],
            "error_y": {
                "type": "data", "symmetric": False, "thickness": 1,
                "array": [_distance(row["high"], row["mos"]) for row in own],
                "arrayminus": [_distance(row["mos"], row["low"]) for row in own],
            },
            "line": {"color": f"@{1 + runs.index(run) % 7}",
                     "dash": dashes[places.index(place) % len(dashes)]},
        })  # fmt: skip
    ends = [row[name] for row in rows for name in ("score", "mos") if row[name] is not None]
    line = {"color": "@text", "width": 1, "dash": "dot"}
    diagonal = {"type": "line", "x0": min(ends), "y0": min(ends), "x1": max(ends), "y1": max(ends)}
    return Plot(
        "Mean MOS of videos of similar score, a line for each run on each benchmark",
        "A point is a tenth of the videos, with a 95 % interval; on the dotted line a score is the "
        "MOS. Numbers: figures/calibration.csv.",
        traces,
        {"height": 440, "xaxis": {"title": {"text": "score"}},
         "shapes": [{**diagonal, "line": line}],
         "yaxis": {"title": {"text": "MOS, mean"}, "automargin": True}},
    )  # fmt: skip


def _distance(first: float | None, second: float | None) -> float:
    return 0.0 if first is None or second is None else first - second


def residual_plots(run: str, rows: Sequence[Row]) -> Iterator[Plot]:
    """How much better videos of a group are than a run says, a plot for content and for kind."""
    for by in dict.fromkeys(row["by"] for row in rows):
        own = [row for row in rows if row["run"] == run and row["by"] == by]
        groups = list(dict.fromkeys(str(row["group"]) for row in own))
        if not own or len(groups) > _MOST:
            continue
        what = "kind of degradation" if by == "kind" else by
        plot = rows_plot(
            [
                Dot(
                    str(row["benchmark"]), str(row["group"]), row["mean"],
                    row["mean"] - (row["deviation"] or 0), row["mean"] + (row["deviation"] or 0),
                )
                for row in own
            ],
            "MOS above the line",
            f"{run}: mean of MOS above the line through scores, by {what}",
            "Right of zero videos are better than the policy says; bars are deviations. Numbers: "
            "figures/residuals.csv.",
            span=(0, 0),
        )  # fmt: skip
        if plot:
            yield plot
