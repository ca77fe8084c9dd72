"""The report of a scale as one HTML page that a browser opens without a network.

It has no date, so the same results give the same bytes. Answers of policies are data or escaped
text, never markup, and a strict policy allows no script but its own and plotly's, which comes
gzipped from the installed package.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from vqathinker.datasets.card import label_origin
from vqathinker.evaluation.predictions import Predictions, read_predictions
from vqathinker.params import DataParams, load_section
from vqathinker.policy.label_sentences import describe_labels_of
from vqathinker.products import FIGURES
from vqathinker.reporting.formats import NUMBERS, flat, format_cell, read_table, write_text
from vqathinker.reporting.ladder import LADDER, ladder_grids
from vqathinker.reporting.main_table import MAIN, TableScale, load_table_scale, main_grids
from vqathinker.reporting.page import clips, plots
from vqathinker.reporting.page.clips import packed, packed_text
from vqathinker.reporting.plot_data import ranks
from vqathinker.reporting.scores import COLUMNS as SCORES
from vqathinker.reporting.scores import PREFERENCE_COLUMNS, UNDERSTANDING_COLUMNS, preference_grid
from vqathinker.reporting.tables import REMARKS
from vqathinker.video.thumbnails import read_thumbnails

# In this order: later ones call earlier ones.
_SCRIPTS = ("unpack", "theme", "tables", "frames", "clip", "plots", "points", "find", "start")
_NOT_SCORED_LISTED = 50
_ATTRIBUTION = ("run", "task", "n", "n_failed", "value", "low", "high", "chance", "majority")
_PREFERENCE = "Temporal preference: one row for each run, one column for each kind of perturbation"


class PageSources(NamedTuple):
    """Folders and files.

    Attributes:
        tables: the folder that `write_tables` wrote with these `params`.
        figures: the folder of figures; the page draws the numbers that it contains.
        params: params.yaml or the file of a job of the report.
        predictions: of every run on every benchmark.
        manifests: benchmark to its manifest; a benchmark without one has no points.
        perturbed: predictions on perturbed copies, if there are any.
        thumbnails: a folder for each benchmark, named like it; without one, points show no frames.
    """

    tables: Path
    figures: Path
    params: Path
    predictions: tuple[Path, ...] = ()
    manifests: Mapping[str, Path] = {}
    perturbed: tuple[Path, ...] = ()
    thumbnails: tuple[Path, ...] = ()


def write_page(
    scale: str,
    sources: PageSources,
    out: Path,
    *,
    title: str = "VQAThinker: video quality assessment",
) -> None:
    """Write the report: answer, scores, plots, clips, what failed, and how to trace each number.

    Thumbnails are part of the page if all of them are small; else the page shows their files.
    Completions are part of it up to a limit, see `clips.leave_out`. The page says so.

    Raises:
        InputError: a table is not there, or a file cannot be read.
    """
    by_run: dict[str, list[Predictions]] = {}
    for one in map(read_predictions, sources.predictions):
        by_run.setdefault(one.run, []).append(one)
    predictions = [one for own in by_run.values() for one in own]
    known = load_table_scale(sources.params)
    cards = Path(load_section(sources.params, DataParams).cards)
    origins = {name: label_origin(name, cards) for name in (known.train_set, *known.domains)}
    benchmarks = clips.benchmarks_of(predictions, sources.manifests, sources.perturbed)
    thumbnails = read_thumbnails(sources.thumbnails)
    sheets = clips.sheets_of(thumbnails, benchmarks, out)
    shown = known.method if known.method in by_run else next(reversed(by_run), "")
    picks = clips.picks_of(shown, benchmarks, thumbnails)
    left_out = clips.leave_out(shown, benchmarks)
    tables = _tables(known, sources.tables)
    drawn = _plots(shown, tables, sources.figures)
    places = [
        {"name": one.name, **one.columns, "thumbs": sheets.of.get(one.name)} for one in benchmarks
    ]
    content = {name: {"data": plot.data, "layout": plot.layout} for name, plot in drawn.items()}
    data = {"run": shown, "runs": list(by_run), "places": places, "plots": content}
    # Texts are unpacked when a clip is opened.
    texts = {f"texts-{number}": packed(one.texts) for number, one in enumerate(benchmarks)}
    plotly, own_js = str(get_plotlyjs()), _own_script()
    loader = PackageLoader("vqathinker.reporting.page", ".")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    environment.filters["format_cell"] = format_cell
    text = environment.get_template("page.html.j2").render(
        labels=describe_labels_of(known.train_set, origins),
        title=title, scale=scale, runs=list(by_run), shown=shown, **tables,
        style=Path(__file__).with_name("page.css").read_text("utf-8"),
        policy=_content_policy([plotly, own_js], pictures_in_files=sheets.in_files),
        numbers=NUMBERS, listed=_NOT_SCORED_LISTED, plots=drawn,
        picks=picks, in_files=sheets.in_files, left_out=left_out,
        origins=_provenance_table(by_run),
        clips=sum(len(one.columns["video"]) for one in benchmarks),
        blocks={"data": packed(data), **texts},
        sheets=sheets.inside, plotly=packed_text(plotly), script=own_js,
    )  # fmt: skip
    write_text(out, text + "\n")


def _tables(known: TableScale, folder: Path) -> dict[str, Any]:
    """Every table as the template expects it."""
    columns = {
        **SCORES, **REMARKS, "main": MAIN, "ladder": LADDER, "preference": PREFERENCE_COLUMNS,
        "attribution": UNDERSTANDING_COLUMNS,
    }  # fmt: skip
    rows = {name: read_table(folder / f"{name}.csv", columns[name]) for name in columns}
    return {
        **{name: rows[name] for name in (*SCORES, *REMARKS)},
        "benchmarks": list(dict.fromkeys(row["benchmark"] for row in rows["scoring"])),
        "lines": rows["main"],
        "main": main_grids(known, rows["main"], intervals=True),
        "answer": plots.answer_of(rows["ladder"]),
        "rungs": rows["ladder"],
        "ladder": ladder_grids(known, rows["ladder"]),
        "preferences": preference_grid(rows["preference"], _PREFERENCE)
        if rows["preference"]
        else None,
        "attributed": rows["attribution"],
        "attribution": [
            {name: row[name] for name in _ATTRIBUTION}
            for row in rows["attribution"]
            if row["part"] == "overall" and row["value"] is not None
        ],
    }


def _plots(run: str, tables: Mapping[str, Any], figures: Path) -> dict[str, plots.Plot]:
    """Every plot that there are numbers for, by its name in the template."""

    def numbers(name: str) -> list[dict[str, Any]]:
        path = figures / f"{name}.csv"
        return read_table(path, product=FIGURES) if path.is_file() else []

    drawn = {
        "answer": plots.before_and_after(tables["answer"]),
        "curves": plots.curves_plot(pd.DataFrame(numbers("training_curve"))),
        "ladder": plots.ladder_plot(tables["rungs"]),
        "ranks": plots.ranks_plot(ranks(tables["lines"])),
        "calibration": plots.calibration_plot(pd.DataFrame(numbers("calibration"))),
        "preference": plots.preference_plot(numbers("preference")),
        "attribution": plots.attribution_plot(tables["attributed"]),
    }
    residuals = plots.residual_plots(run, pd.DataFrame(numbers("residuals")))
    drawn |= {f"residuals-{number}": plot for number, plot in enumerate(residuals)}
    return {name: plot for name, plot in drawn.items() if plot is not None}


def _provenance_table(predictions: Mapping[str, list[Predictions]]) -> list[tuple[str, list[str]]]:
    """What is recorded of each run, key by key: only what is the same for all its benchmarks."""
    by_run: dict[str, dict[str, str]] = {}
    for run, own in predictions.items():
        first, *others = [flat(one.provenance) for one in own]
        by_run[run] = {
            key: str(value)
            for key, value in first.items()
            if key not in {"run", "benchmark"} and all(other.get(key) == value for other in others)
        }
    keys = dict.fromkeys(key for values in by_run.values() for key in values)
    return [(key, [values.get(key, "–") for values in by_run.values()]) for key in keys]


def _own_script() -> str:
    """The page's own script: its files one below the other, in a scope of their own."""
    folder = files("vqathinker.reporting.page") / "browser"
    parts = [(folder / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS]
    return "\n".join(['"use strict";(() => {', *parts, "})();"])


def _content_policy(scripts: Iterable[str], *, pictures_in_files: bool) -> str:
    """The Content-Security-Policy: these scripts, pictures from inside, and nothing else.

    Styles are free, because plotly.js sets them. `pictures_in_files` allows files next to the page.
    """
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts]
    hashes = " ".join(f"'sha256-{base64.b64encode(one).decode()}'" for one in digests)
    outside = " 'self' file:" if pictures_in_files else ""
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        f"img-src data: blob:{outside}; base-uri 'none'; form-action 'none'"
    )
