"""The page's plots as plotly.js draws them: traces and axes, colours by number.

A colour stands as "@1" to "@7", lines and words as "@line" and "@text": the page fills in those of
its theme. `heading`, `alt` and `caption` go around the plot.
"""

import html
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from vqathinker.reporting.figures.curves import panels_for
from vqathinker.reporting.page.answer import Answer
from vqathinker.reporting.tables.main import AVERAGES

__all__ = ["Dot", "Plot", "attribution_plot", "before_and_after", "curves_plot", "ladder_plot",
           "plain", "preference_plot", "ranks_plot", "rows_plot"]  # fmt: skip

Row = Mapping[str, Any]
_WINDOWS = 20  # a trend is the mean over a twentieth of the steps
_ROW_PX = 34
_NUMBER = ".3f"


def plain(text: object) -> str:
    """Text for plotly.js, which reads some tags and entities, and for the page, which reads @1.

    >>> plain("<b>@line & co")
    '&lt;b&gt;&#64;line &amp; co'
    """
    return html.escape(str(text), quote=False).replace("@", "&#64;")


class Plot(NamedTuple):
    """What is drawn, and what is said of it."""

    alt: str
    caption: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]


def before_and_after(answer: Answer) -> Plot | None:
    """SRCC on each benchmark before and after training, with intervals."""
    if not answer.after:
        return None
    lines = {"before training": answer.before, "after training": answer.after}
    dots = [
        Dot(name, str(line["benchmark"]), line["value"], line["low"], line["high"])
        for name, own in lines.items()
        for line in own
    ]
    told = "; ".join(f"{dot.place} {dot.series} {dot.value:.3f}" for dot in dots if dot.value)
    return rows_plot(
        dots, "SRCC", f"SRCC on each benchmark: {told}",
        "Dots: SRCC with the raw MOS, bars: 95 % interval. 1 is perfect agreement in rank, 0 none. "
        "Numbers: tables/ladder.csv.", span=(0, 1),
    )  # fmt: skip


def ladder_plot(ladder: Sequence[Row]) -> Plot | None:
    """Differences of every row of the ladder from the method, averages of each domain."""
    dots = [
        Dot(
            str(line["domain"]), str(line["row"]),
            line["difference"], line["difference_low"], line["difference_high"],
        )
        for line in ladder
        if line["measure"] == "srcc" and line["benchmark"] == AVERAGES[0]
    ]  # fmt: skip
    return rows_plot(
        dots, "SRCC less the method's",
        "Difference of SRCC of each run from the method, a dot with its interval for each domain",
        "Left of zero a run is worse than the method. Bars: 95 % interval, by paired bootstrap on "
        "the same videos. Numbers: tables/ladder.csv.",
        span=(0, 0),
    )  # fmt: skip


def preference_plot(rows: Sequence[Row]) -> Plot | None:
    """Share of clips above each kind of perturbed copy, runs side by side."""
    several = len({row["benchmark"] for row in rows}) > 1
    dots = [
        Dot(
            f"{row['run']}, {row['benchmark']}" if several else str(row["run"]),
            str(row["kind"]).replace("_", " "), row["preference"], row["low"], row["high"],
        )
        for row in rows
    ]  # fmt: skip
    return rows_plot(
        dots, "share of clips scored above their copy",
        "Share of clips scored above their perturbed copy, by kind of perturbation, with intervals",
        "Dashed: what a policy reaches that does not see the order of the frames. Numbers: "
        "figures/preference.csv.", span=(0, 1), dashed=[0.5],
    )  # fmt: skip


def attribution_plot(rows: Sequence[Row]) -> Plot | None:
    """Share of right answers by kind of degradation."""
    own = [row for row in rows if row["part"] != "overall" and row["measure"] == "accuracy"]
    dots = [
        Dot(f"{row['run']}, {row['task']}", str(row["name"]), row["value"], row["low"], row["high"])
        for row in own
    ]
    return rows_plot(
        dots, "share of right answers",
        "Share of right answers on the kind of degradation of a clip, by kind, with intervals",
        "Dashed: what a guess reaches. Numbers: tables/attribution.csv.", span=(0, 1),
        dashed=sorted({row["chance"] for row in own if row["chance"] is not None}),
    )  # fmt: skip


class Dot(NamedTuple):
    """A value with its interval, in the row `place`, of the colour of its `series`."""

    series: str
    place: str
    value: float | None
    low: float | None
    high: float | None


def rows_plot(
    dots: Sequence[Dot], axis: str, alt: str, caption: str, *,
    span: tuple[float, float], dashed: Sequence[float] = (),
) -> Plot | None:  # fmt: skip
    """Rows from top to bottom, the dots of a row below each other; None without a value."""
    there = [dot for dot in dots if dot.value is not None]
    if not there:
        return None
    places, series = (
        list(dict.fromkeys(of)) for of in zip(*((d.place, d.series) for d in there), strict=True)
    )
    traces = [
        _dots([dot for dot in there if dot.series == name], places, number, len(series))
        for number, name in enumerate(series)
    ]
    ends = [end for dot in there for end in (dot.value, dot.low, dot.high) if end is not None]
    low, high = min(span[0], *ends), max(span[1], *ends)
    edge = 0.03 * (high - low)
    layout = {
        "height": 120 + len(places) * max(_ROW_PX, 9 + 13 * len(series)),
        "xaxis": {"title": {"text": axis}, "zeroline": True, "range": [low - edge, high + edge]},
        "yaxis": {"range": [len(places) - 0.45, -0.55], "tickvals": list(range(len(places))),
                  "ticktext": [plain(place) for place in places], "zeroline": False},
        "shapes": [_line_at(x) for x in dashed],
    }  # fmt: skip
    return Plot(alt, caption, traces, layout)


def _dots(dots: Sequence[Dot], places: Sequence[str], number: int, of: int) -> dict[str, Any]:
    shift = 0.7 * ((number + 0.5) / of - 0.5)
    return {
        "type": "scatter", "mode": "markers", "name": plain(dots[0].series),
        "x": [dot.value for dot in dots],
        "y": [round(places.index(dot.place) + shift, 3) for dot in dots],
        "text": [plain(dot.place) for dot in dots],
        "error_x": {
            "type": "data", "symmetric": False, "thickness": 1.5, "width": 4,
            "array": [_less(dot.high, dot.value) for dot in dots],
            "arrayminus": [_less(dot.value, dot.low) for dot in dots],
        },
        "marker": {"color": f"@{1 + number % 7}", "size": 9},
        "hovertemplate": f"%{{text}}<br>%{{x:{_NUMBER}}}<extra>%{{fullData.name}}</extra>",
    }  # fmt: skip


def _less(first: float | None, second: float | None) -> float:
    return 0.0 if first is None or second is None else first - second


def _line_at(x: float) -> dict[str, Any]:
    line = {"color": "@text", "width": 1, "dash": "dash"}
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def curves_plot(rows: Sequence[Row]) -> Plot | None:
    """Every curve of training, one panel of them at a time; a faint line and its trend."""
    if not rows:
        return None
    table = pd.DataFrame(rows)
    runs = list(dict.fromkeys(table["run"]))
    titles = panels_for(table.columns)
    panels = {name: titles[name] for name in titles if name in table and table[name].notna().any()}
    data = []
    for number, run in enumerate(runs):
        own = table[table["run"] == run].sort_values("step")
        for name in panels:
            values = pd.to_numeric(own[name]).dropna()  # as in figures.curves
            steps = own["step"][values.index]
            window = max(1, len(values) // _WINDOWS)
            trend = values.rolling(window, center=True, min_periods=1).mean()
            for line, strong in ((values, False), (trend, True)):
                data.append(_curve(steps, line, run, number, strong) | {"panel": name})
    return Plot(
        "Curves of training over its steps, one line for each trained run: choose which",
        "Faint: every logged step; strong: the trend. Drag over a part to zoom in. Numbers: "
        "figures/training_curve.csv.",
        data,
        {"height": 380, "xaxis": {"title": {"text": "step"}}, "yaxis": {"automargin": True},
         "panels": panels},
    )  # fmt: skip


def _curve(
    steps: pd.Series, values: pd.Series, run: str, number: int, strong: bool
) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "lines", "name": plain(run), "legendgroup": run,
        "showlegend": strong, "opacity": 1 if strong else 0.3,
        "hoverinfo": "all" if strong else "skip",
        "x": [int(step) for step in steps],
        "y": [float(f"{value:.6g}") for value in values],
        "line": {"color": f"@{1 + number % 7}", "width": 2.5 if strong else 1},
    }  # fmt: skip


def ranks_plot(rows: Sequence[Row]) -> Plot | None:
    """Rank of every method on every benchmark, where somebody else is ranked there."""
    there = [row for row in rows if row["rank"] is not None]
    if not any(not row["ours"] for row in there):
        return None
    traces = []
    for method in dict.fromkeys((row["method"], row["training_data"]) for row in there):
        own = [row for row in there if (row["method"], row["training_data"]) == method]
        ours = bool(own[0]["ours"])
        traces.append({
            "type": "scatter", "mode": "lines+markers", "name": plain(method[0]),
            "x": [plain(row["benchmark"]) for row in own], "y": [row["rank"] for row in own],
            "line": {"color": "@2" if ours else "@line", "width": 3 if ours else 1},
            "hovertemplate": "%{x}: rank %{y}<extra>%{fullData.name}</extra>",
            "showlegend": ours,
        })  # fmt: skip
    return Plot(
        "Rank by SRCC of published methods and of these runs on each benchmark",
        "Thick: ours; thin: published methods, named when pointed at. Numbers: figures/ranks.csv.",
        traces,
        {"height": 420, "xaxis": {"type": "category", "automargin": True},
         "yaxis": {"autorange": "reversed", "title": {"text": "rank"}}},
    )  # fmt: skip
