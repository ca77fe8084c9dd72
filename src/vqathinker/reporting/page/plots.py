"""The page's plots for plotly.js, and the main result in one sentence.

Colours are placeholders, which the page replaces by those of its theme: "@1" to "@7" for series,
"@line" and "@text" for lines and text.
"""

import html
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from vqathinker.reporting.formats import Row, format_interval
from vqathinker.reporting.main_table import AVERAGES
from vqathinker.reporting.plot_data import (
    DOT_COLUMNS,
    Curve,
    error_bars,
    panel_titles,
    preference_dots,
    residual_dots,
    smoothed_curves,
)

_ROW_PX = 34
_DASHES = ("solid", "dash", "dot", "dashdot")
_MAX_GROUPS = 40  # labels in one plot
_MAX_POINTS = 400  # per curve; longer curves are thinned


def escape(text: object) -> str:
    """Text without markup: plotly.js interprets some tags and entities, the page interprets @1.

    >>> escape("<b>@line & co")
    '&lt;b&gt;&#64;line &amp; co'
    """
    return html.escape(str(text), quote=False).replace("@", "&#64;")


class Plot(NamedTuple):
    """Traces and layout for plotly.js; `about` is text for the caption that depends on the data."""

    data: list[dict[str, Any]]
    layout: dict[str, Any]
    about: str = ""


class MainResult(NamedTuple):
    """One sentence, and the lines of the ladder by benchmark, before and after training."""

    sentence: str
    before: list[Row]
    after: list[Row]


def main_result(ladder: Sequence[Row]) -> MainResult:
    """The effect of training, from the lines of `ladder.csv`.

    The first untrained row is the state before training: the policy that training starts from.
    """
    own = [line for line in ladder if line["measure"] == "srcc"]
    after = [line for line in own if line["group"] == "method" and line["value"] is not None]
    untrained = [line for line in own if line["group"] == "untrained"]
    before = [line for line in untrained if line["row"] == untrained[0]["row"]]
    started = {line["domain"]: line for line in before if line["benchmark"] == AVERAGES[0]}
    reached = [line for line in after if line["benchmark"] == AVERAGES[0]]
    sentence = "No result yet: the method has no scores on any benchmark."
    if reached:
        pairs = [(started.get(line["domain"]), line) for line in reached]
        parts = "; ".join(_part(earlier, later) for earlier, later in pairs)
        sentence = f"{_verdict([earlier for earlier, _ in pairs])}: {parts}."
    return MainResult(sentence, _single(before), _single(after))


def _single(lines: Sequence[Row]) -> list[Row]:
    return [line for line in lines if line["benchmark"] not in AVERAGES]


def _verdict(before: Sequence[Row | None]) -> str:
    """Whether training helped. Differences are the untrained policy minus the method."""
    known = [line for line in before if line is not None and line["difference_high"] is not None]
    rises = sum(line["difference_high"] < 0 for line in known)
    falls = any(line["difference_low"] > 0 for line in known)
    if not known:
        return "No untrained policy to compare with"
    if rises:
        return "Yes" if rises == len(before) else "Partly"
    return "No, agreement is lower" if falls else "Not significantly"


def _part(before: Row | None, after: Row) -> str:
    where = f"{after['domain']} SRCC over {after['n']} videos"
    reached = format_interval(after["value"], after["low"], after["high"])
    if before is None or before["value"] is None:
        return f"{where} is {reached} after training"
    started = format_interval(before["value"], before["low"], before["high"])
    over = "" if before["n"] == after["n"] else f", over {before['n']} videos"
    return f"{where} is {reached} after training and was {started} before{over}"


def _dots(rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=DOT_COLUMNS).astype(dict.fromkeys(DOT_COLUMNS[2:], float))


def before_and_after(result: MainResult) -> Plot | None:
    """SRCC on each benchmark before and after training, with intervals."""
    if not result.after:
        return None
    dots = [
        (name, line["benchmark"], line["value"], line["low"], line["high"])
        for name, lines in (("before training", result.before), ("after training", result.after))
        for line in lines
    ]
    about = "; ".join(f"{place} {name} {value:.3f}" for name, place, value, *_ in dots if value)
    plot = dot_plot(_dots(dots), "SRCC", span=(0, 1))
    return plot._replace(about=about) if plot else None


def ladder_plot(ladder: Sequence[Row]) -> Plot | None:
    """Difference of every run from the method, averaged over each domain."""
    ends = ("domain", "row", "difference", "difference_low", "difference_high")
    averages = [
        tuple(line[key] for key in ends)
        for line in ladder
        if line["measure"] == "srcc" and line["benchmark"] == AVERAGES[0]
    ]
    return dot_plot(_dots(averages), "SRCC minus that of the method", span=(0, 0))


def preference_plot(rows: Sequence[Row]) -> Plot | None:
    """Share of clips scored above their copy, by kind of perturbation and run."""
    panels = preference_dots(rows)
    if len(panels) > 1:
        panels = [(name, own.assign(series=own["series"] + f", {name}")) for name, own in panels]
    dots = pd.concat([own for _, own in panels]) if panels else _dots([])
    return dot_plot(
        dots, "share of clips scored above their perturbed copy", span=(0, 1), dashed=[0.5]
    )


def attribution_plot(rows: Sequence[Row]) -> Plot | None:
    """Share of correct answers by kind of degradation."""
    own = [row for row in rows if row["part"] != "overall" and row["measure"] == "accuracy"]
    dots = _dots([
        (f"{row['run']}, {row['task']}", row["name"], row["value"], row["low"], row["high"])
        for row in own
    ])  # fmt: skip
    chances = sorted({row["chance"] for row in own if row["chance"] is not None})
    return dot_plot(dots, "share of correct answers", span=(0, 1), dashed=chances)


def residual_plots(run: str, table: pd.DataFrame) -> list[Plot]:
    """Mean residual of the MOS by content and by kind of degradation."""
    by_group: dict[str, list[pd.DataFrame]] = {}
    for (_, by), dots in residual_dots(table, run) if len(table) else ():
        by_group.setdefault(by, []).append(dots)
    plots = []
    for by, panels in by_group.items():
        dots = pd.concat(panels)
        plot = dot_plot(dots, "mean residual of MOS", span=(0, 0))
        if plot and dots["place"].nunique() <= _MAX_GROUPS:
            plots.append(plot._replace(about="kind of degradation" if by == "kind" else by))
    return plots


def dot_plot(
    dots: pd.DataFrame, axis: str, *, span: tuple[float, float], dashed: Sequence[float] = ()
) -> Plot | None:
    """Rows from top to bottom, with dots of each series at small offsets; None if empty."""
    known = dots[dots["value"].notna()]
    if known.empty:
        return None
    places, series = known["place"].unique().tolist(), known["series"].unique().tolist()
    traces = []
    for number, name in enumerate(series):
        own = known[known["series"] == name]
        shift = 0.7 * ((number + 0.5) / len(series) - 0.5)
        traces.append({
            "type": "scatter", "mode": "markers", "name": escape(name),
            "x": own["value"].tolist(),
            "y": [round(places.index(place) + shift, 3) for place in own["place"]],
            "text": [escape(place) for place in own["place"]],
            "error_x": {"width": 4, **_bars(own["value"], own["low"], own["high"])},
            "marker": {"color": f"@{1 + number % 7}", "size": 9},
            "hovertemplate": "%{text}<br>%{x:.3f}<extra>%{fullData.name}</extra>",
        })  # fmt: skip
    ends = known[["value", "low", "high"]].stack()
    low, high = min(span[0], ends.min()), max(span[1], ends.max())
    edge = 0.03 * (high - low)
    layout = {
        "height": 120 + len(places) * max(_ROW_PX, 9 + 13 * len(series)),
        "xaxis": {"title": {"text": axis}, "zeroline": True, "range": [low - edge, high + edge]},
        "yaxis": {"range": [len(places) - 0.45, -0.55], "tickvals": list(range(len(places))),
                  "ticktext": [escape(place) for place in places], "zeroline": False},
        "shapes": [{"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper",
                    "line": {"color": "@text", "width": 1, "dash": "dash"}} for x in dashed],
    }  # fmt: skip
    return Plot(traces, layout)


def _bars(values: pd.Series, low: pd.Series, high: pd.Series) -> dict[str, Any]:
    below, above = error_bars(values, low, high)
    return {"type": "data", "symmetric": False, "thickness": 1.5, "array": above,
            "arrayminus": below}  # fmt: skip


def calibration_plot(table: pd.DataFrame) -> Plot | None:
    """Mean MOS of videos with similar scores, a line for each run on each benchmark."""
    if table.empty:
        return None
    runs = table["run"].unique().tolist()
    traces = []
    for number, (place, panel) in enumerate(table.groupby("benchmark", sort=False)):
        for run, own in panel.groupby("run", sort=False):
            traces.append({
                "type": "scatter", "mode": "lines+markers", "name": escape(f"{run}, {place}"),
                "x": own["score"].tolist(), "y": own["mos"].tolist(),
                "error_y": _bars(own["mos"], own["low"], own["high"]),
                "line": {"color": f"@{1 + runs.index(run) % 7}",
                         "dash": _DASHES[number % len(_DASHES)]},
            })  # fmt: skip
    ends = table[["score", "mos"]].stack()
    diagonal = {"x0": ends.min(), "y0": ends.min(), "x1": ends.max(), "y1": ends.max()}
    line = {"color": "@text", "width": 1, "dash": "dot"}
    return Plot(
        traces,
        {"height": 440, "xaxis": {"title": {"text": "score"}},
         "shapes": [{"type": "line", **diagonal, "line": line}],
         "yaxis": {"title": {"text": "mean MOS"}, "automargin": True}},
    )  # fmt: skip


def curves_plot(table: pd.DataFrame) -> Plot | None:
    """All training curves, one panel at a time: a faint line and its running mean."""
    if table.empty:
        return None
    runs, curves = table["run"].unique().tolist(), list(smoothed_curves(table))
    titles = panel_titles(table.columns)
    return Plot(
        [_curve(curve, runs.index(curve.run)) for curve in curves],
        {"height": 380, "xaxis": {"title": {"text": "step"}}, "yaxis": {"automargin": True},
         "panels": {curve.panel: titles[curve.panel] for curve in curves}},
        f" Long runs are thinned to about {_MAX_POINTS} steps."
        if any(len(curve.steps) > _MAX_POINTS for curve in curves) else "",
    )  # fmt: skip


def _curve(curve: Curve, number: int) -> dict[str, Any]:
    each = -(-len(curve.steps) // _MAX_POINTS)
    return {
        "type": "scatter", "mode": "lines", "name": escape(curve.run), "legendgroup": curve.run,
        "showlegend": not curve.faint, "opacity": 0.3 if curve.faint else 1,
        "hoverinfo": "skip" if curve.faint else "all",
        "x": [int(step) for step in curve.steps[::each]],
        "y": [float(f"{value:.6g}") for value in curve.values[::each]],
        "line": {"color": f"@{1 + number % 7}", "width": 1 if curve.faint else 2.5},
        "panel": curve.panel,
    }  # fmt: skip


def ranks_plot(table: pd.DataFrame) -> Plot | None:
    """The `plot_data.ranks` of every method; None without published methods."""
    if table["ours"].all():
        return None
    traces = []
    for (method, _), own in table.groupby(["method", "training_data"], sort=False, dropna=False):
        ours = bool(own["ours"].iloc[0])
        traces.append({
            "type": "scatter", "mode": "lines+markers", "name": escape(method),
            "x": list(map(escape, own["benchmark"])), "y": own["rank"].tolist(),
            "line": {"color": "@2" if ours else "@line", "width": 3 if ours else 1},
            "hovertemplate": "%{x}: rank %{y}<extra>%{fullData.name}</extra>",
            "showlegend": ours,
        })  # fmt: skip
    return Plot(
        traces,
        {"height": 420, "xaxis": {"type": "category", "automargin": True},
         "yaxis": {"autorange": "reversed", "title": {"text": "rank"}}},
    )  # fmt: skip
