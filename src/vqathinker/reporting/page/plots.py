"""The page's plots as plotly.js draws them, and the answer in one sentence.

A colour stands as "@1" to "@7", lines and words as "@line" and "@text": the page fills in those of
its theme.
"""

import html
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from vqathinker.reporting.formats import Row
from vqathinker.reporting.main_table import AVERAGES, interval_text
from vqathinker.reporting.plot_data import (
    Dot,
    Line,
    calibration_lines,
    curve_lines,
    panels_for,
    preference_dots,
    reach,
    residual_dots,
)

_MEASURE = "srcc"
_ROW_PX = 34
_NUMBER = ".3f"
_DASHES = ("solid", "dash", "dot", "dashdot")
_MOST_GROUPS = 40  # that one plot can name
_MOST_POINTS = 400  # of one curve; of more, every second, third, … is drawn


def plain(text: object) -> str:
    """Text for plotly.js, which reads some tags and entities, and for the page, which reads @1.

    >>> plain("<b>@line & co")
    '&lt;b&gt;&#64;line &amp; co'
    """
    return html.escape(str(text), quote=False).replace("@", "&#64;")


class Plot(NamedTuple):
    """Traces and axes, with a text for screen readers and a caption."""

    alt: str
    caption: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]


class Answer(NamedTuple):
    """One sentence, and the lines that its figure shows.

    `before` and `after` are lines of the ladder by benchmark; both are empty where the method has
    no scores.
    """

    sentence: str
    before: list[Row]
    after: list[Row]


def answer_of(ladder: Sequence[Row]) -> Answer:
    """The answer that the lines of `ladder.csv` give.

    Of several untrained rows the first stands for "before": the policy that training started from.
    """
    own = [line for line in ladder if line["measure"] == _MEASURE]
    after = [line for line in own if line["group"] == "method" and line["value"] is not None]
    untrained = [line for line in own if line["group"] == "untrained"]
    first = untrained[0]["row"] if untrained else None
    before = [line for line in untrained if line["row"] == first]
    return Answer(_sentence(before, after), _single(before), _single(after))


def _single(lines: Sequence[Row]) -> list[Row]:
    return [line for line in lines if line["benchmark"] not in AVERAGES]


def _sentence(before: Sequence[Row], after: Sequence[Row]) -> str:
    of_domain = {line["domain"]: line for line in before if line["benchmark"] == AVERAGES[0]}
    own = [line for line in after if line["benchmark"] == AVERAGES[0]]
    pairs = [(of_domain.get(line["domain"]), line) for line in own]
    if not own:
        return "There is no answer yet: the method has no scores on any benchmark that is here."
    parts = [_part(earlier, later) for earlier, later in pairs]
    return f"{_verdict([earlier for earlier, _ in pairs])}: {'; '.join(parts)}."


def _verdict(before: Sequence[Row | None]) -> str:
    """Differences are those of the row before training, less the method."""
    known = [line for line in before if line is not None and line["difference_high"] is not None]
    rises = [line for line in known if line["difference_high"] < 0]
    falls = [line for line in known if line["difference_low"] > 0]
    if not known:
        return "Nothing untrained to compare with"
    if len(rises) == len(before):
        return "Yes"
    if rises:
        return "In part"
    return "No, they follow it less" if falls else "Not surely"


def _part(before: Row | None, after: Row) -> str:
    where = f"{after['domain']} SRCC over {after['n']} videos"
    reached = interval_text(after["value"], after["low"], after["high"])
    if before is None or before["value"] is None:
        return f"{where} is {reached} after training"
    started = interval_text(before["value"], before["low"], before["high"])
    over = "" if before["n"] == after["n"] else f", over {before['n']} videos"
    return f"{where} is {reached} after training, and was {started} before{over}"


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
    panels = preference_dots(rows)
    dots = [
        dot._replace(series=f"{dot.series}, {benchmark}") if len(panels) > 1 else dot
        for benchmark, own in panels.items()
        for dot in own
    ]
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
        "shapes": [{"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper",
                    "line": {"color": "@text", "width": 1, "dash": "dash"}} for x in dashed],
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
            "width": 4,
            **_bars([d.value for d in dots], [d.low for d in dots], [d.high for d in dots]),
        },
        "marker": {"color": f"@{1 + number % 7}", "size": 9},
        "hovertemplate": f"%{{text}}<br>%{{x:{_NUMBER}}}<extra>%{{fullData.name}}</extra>",
    }  # fmt: skip


def _bars(
    values: Sequence[float | None], low: Sequence[float | None], high: Sequence[float | None]
) -> dict[str, Any]:
    return {"type": "data", "symmetric": False, "thickness": 1.5,
            "array": reach(high, values), "arrayminus": reach(values, low)}  # fmt: skip


def residual_plots(run: str, rows: Sequence[Row]) -> list[Plot]:
    """How much better videos of a group are than a run says, a plot for content and for kind."""
    panels = residual_dots(rows, run)
    plots = []
    for by in dict.fromkeys(by for _, by in panels):
        dots = [dot for (_, own), panel in panels.items() if own == by for dot in panel]
        if len({dot.place for dot in dots}) <= _MOST_GROUPS:
            what = "kind of degradation" if by == "kind" else by
            plots.append(rows_plot(
                dots, "MOS above the line",
                f"{run}: mean of MOS above the line through scores, by {what}",
                "Right of zero videos are better than the policy says; bars are deviations. "
                "Numbers: figures/residuals.csv.", span=(0, 0),
            ))  # fmt: skip
    return [plot for plot in plots if plot]


def calibration_plot(rows: Sequence[Row]) -> Plot | None:
    """Mean MOS of videos of similar score, a line for each run on each benchmark."""
    panels = calibration_lines(rows)
    if not panels:
        return None
    runs = list(dict.fromkeys(row["run"] for row in rows))
    traces = [
        {
            "type": "scatter", "mode": "lines+markers", "name": plain(f"{line.run}, {place}"),
            "x": line.x, "y": line.y, "error_y": _bars(line.y, line.low, line.high),
            "line": {"color": f"@{1 + runs.index(line.run) % 7}",
                     "dash": _DASHES[number % len(_DASHES)]},
        }
        for number, (place, lines) in enumerate(panels.items())
        for line in lines
    ]  # fmt: skip
    ends = [end for lines in panels.values() for line in lines for end in (*line.x, *line.y)]
    diagonal = {"x0": min(ends), "y0": min(ends), "x1": max(ends), "y1": max(ends)}
    line = {"color": "@text", "width": 1, "dash": "dot"}
    return Plot(
        "Mean MOS of videos of similar score, a line for each run on each benchmark",
        "A point is a tenth of the videos, with a 95 % interval; on the dotted line a score is the "
        "MOS. Numbers: figures/calibration.csv.",
        traces,
        {"height": 440, "xaxis": {"title": {"text": "score"}},
         "shapes": [{"type": "line", **diagonal, "line": line}],
         "yaxis": {"title": {"text": "MOS, mean"}, "automargin": True}},
    )  # fmt: skip


def curves_plot(rows: Sequence[Row]) -> Plot | None:
    """Every curve of training, one panel of them at a time; a faint line and its trend."""
    if not rows:
        return None
    table = pd.DataFrame(rows)
    runs, panels = list(dict.fromkeys(table["run"])), curve_lines(table)
    thinned = any(len(line.x) > _MOST_POINTS for lines in panels.values() for line in lines)
    left_out = f" Of long runs about {_MOST_POINTS} steps are drawn." if thinned else ""
    titles = panels_for(table.columns)
    return Plot(
        "Curves of training over its steps, one line for each trained run: choose which",
        f"Faint: every logged step; strong: the trend. Drag over a part to zoom in.{left_out} "
        "Numbers: figures/training_curve.csv.",
        [_curve(line, runs.index(line.run)) | {"panel": name}
         for name, lines in panels.items() for line in lines],
        {"height": 380, "xaxis": {"title": {"text": "step"}}, "yaxis": {"automargin": True},
         "panels": {name: titles[name] for name in panels}},
    )  # fmt: skip


def _curve(line: Line, number: int) -> dict[str, Any]:
    each = -(-len(line.x) // _MOST_POINTS)
    return {
        "type": "scatter", "mode": "lines", "name": plain(line.run), "legendgroup": line.run,
        "showlegend": not line.faint, "opacity": 0.3 if line.faint else 1,
        "hoverinfo": "skip" if line.faint else "all",
        "x": [int(step) for step in line.x[::each]],
        "y": [float(f"{value:.6g}") for value in line.y[::each]],
        "line": {"color": f"@{1 + number % 7}", "width": 1 if line.faint else 2.5},
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
