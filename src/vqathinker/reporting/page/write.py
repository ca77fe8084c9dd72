"""The report of a scale as one HTML page that needs no network.

It has no date, so the same results give the same bytes. Text from policies is data or escaped,
never markup, and a strict content security policy allows only the page's own script and plotly.js,
which comes compressed from the installed package.
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
from vqathinker.phases.trees import leaves, without
from vqathinker.policy.label_sentences import describe_labels
from vqathinker.products import FIGURES
from vqathinker.reporting.formats import NUMBER_COLUMNS, format_cell, read_table, write_text
from vqathinker.reporting.ladder import LADDER_COLUMNS, ladder_grids
from vqathinker.reporting.main_table import MAIN_COLUMNS, ReportScale, load_report_scale, main_grids
from vqathinker.reporting.page import clips, plots
from vqathinker.reporting.page.clips import compress_json, compress_text
from vqathinker.reporting.plot_data import ranks
from vqathinker.reporting.scores import (
    PREFERENCE_COLUMNS,
    SCORE_TABLES,
    UNDERSTANDING_COLUMNS,
    preference_grid,
)
from vqathinker.reporting.splits import SPLIT_COLUMNS, splits_grid
from vqathinker.reporting.tables import NOTE_COLUMNS
from vqathinker.video.thumbnails import read_thumbnails

# In this order, because later scripts call earlier ones.
_SCRIPTS = ("unpack", "theme", "tables", "frames", "clip", "plots", "points", "find", "start")
_MAX_NOT_SCORED = 50
_ATTRIBUTION = ("run", "task", "n", "n_failed", "value", "low", "high", "chance", "majority")
_PREFERENCE = "Temporal preference by run and kind of perturbation"


class PageSources(NamedTuple):
    """Files and folders that the page is made from.

    Attributes:
        tables: the folder that `write_tables` wrote with these `params`.
        figures: the folder of figures; the page draws their data.
        params: params.yaml or the parameter file of a report job.
        predictions: of every run on every benchmark.
        manifests: benchmark to its manifest; a benchmark without one has no points.
        perturbed: predictions on perturbed copies, if there are any.
        thumbnails: a folder for each benchmark, with its name; without one, points have no frames.
    """

    tables: Path
    figures: Path
    params: Path
    predictions: tuple[Path, ...] = ()
    manifests: Mapping[str, Path] = {}
    perturbed: tuple[Path, ...] = ()
    thumbnails: tuple[Path, ...] = ()


def write_page(scale: str, sources: PageSources, out: Path, *, title: str) -> None:
    """Write the report: main result, scores, plots, clips, failures, and how to trace numbers.

    Thumbnails are embedded if they are small; otherwise the page loads their files. Completions are
    embedded up to a limit, see `clips.limit_texts`; the page says how many are left out.

    Raises:
        InputError: a table is missing, or a file cannot be read.
    """
    by_run: dict[str, list[Predictions]] = {}
    for one in map(read_predictions, sources.predictions):
        by_run.setdefault(one.run, []).append(one)
    predictions = [one for own in by_run.values() for one in own]
    report_scale = load_report_scale(sources.params)
    cards = Path(load_section(sources.params, DataParams).cards)
    sets = (report_scale.train_set, *report_scale.domains)
    origins = {name: label_origin(name, cards) for name in sets}
    benchmarks = clips.benchmark_clips(predictions, sources.manifests, sources.perturbed)
    thumbnails = read_thumbnails(sources.thumbnails)
    sheets = clips.thumbnail_sheets(thumbnails, benchmarks, out)
    run = report_scale.method if report_scale.method in by_run else next(reversed(by_run), "")
    picks = clips.pick_examples(run, benchmarks, thumbnails)
    left_out = clips.limit_texts(run, benchmarks)
    tables = _tables(report_scale, sources.tables)
    drawn = _plots(run, tables, sources.figures)
    columns = [
        {"name": one.name, **one.columns, "thumbs": sheets.of.get(one.name)} for one in benchmarks
    ]
    content = {name: {"data": plot.data, "layout": plot.layout} for name, plot in drawn.items()}
    data = {"run": run, "runs": list(by_run), "benchmarks": columns, "plots": content}
    # Texts are decompressed when a clip is opened.
    texts = {f"texts-{number}": compress_json(one.texts) for number, one in enumerate(benchmarks)}
    plotly, own_js = str(get_plotlyjs()), _page_script()
    loader = PackageLoader("vqathinker.reporting.page", ".")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    environment.filters["format_cell"] = format_cell
    text = environment.get_template("page.html.j2").render(
        labels=describe_labels(report_scale.train_set, origins),
        title=title, scale=scale, runs=list(by_run), main_run=run, **tables,
        style=Path(__file__).with_name("page.css").read_text("utf-8"),
        policy=_content_policy([plotly, own_js], pictures_in_files=sheets.in_files),
        numbers=NUMBER_COLUMNS, listed=_MAX_NOT_SCORED, plots=drawn,
        tiles=any(one.tiles for one in thumbnails.values()),
        picks=picks, in_files=sheets.in_files, left_out=left_out,
        origins=_provenance_table(by_run),
        clips=sum(len(one.columns["video"]) for one in benchmarks),
        blocks={"data": compress_json(data), **texts},
        sheets=sheets.inside, plotly=compress_text(plotly), script=own_js,
    )  # fmt: skip
    write_text(out, text + "\n")


def _tables(scale: ReportScale, folder: Path) -> dict[str, Any]:
    """Every table in the form that the template uses."""
    columns = {
        **SCORE_TABLES, **NOTE_COLUMNS, "main": MAIN_COLUMNS, "ladder": LADDER_COLUMNS,
        "preference": PREFERENCE_COLUMNS, "attribution": UNDERSTANDING_COLUMNS,
    }  # fmt: skip
    rows = {name: read_table(folder / f"{name}.csv", columns[name]) for name in columns}
    splits = folder / "splits.csv"  # only if a run was trained on a part of a benchmark
    return {
        **{name: rows[name] for name in (*SCORE_TABLES, *NOTE_COLUMNS)},
        "benchmarks": list(dict.fromkeys(row["benchmark"] for row in rows["scoring"])),
        "lines": rows["main"],
        "main": main_grids(scale, rows["main"], intervals=True),
        "answer": plots.main_result(rows["ladder"]),
        "rungs": rows["ladder"],
        "ladder": ladder_grids(scale, rows["ladder"]),
        "splits": splits_grid(read_table(splits, SPLIT_COLUMNS)) if splits.is_file() else None,
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
    """Every plot that has data, by its name in the template."""

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
    """Provenance of each run by key, limited to values that are equal for all its benchmarks."""
    by_run: dict[str, dict[str, str]] = {}
    for run, own in predictions.items():
        first, *others = [dict(leaves(without(one.provenance, "run", "benchmark"))) for one in own]
        by_run[run] = {
            ".".join(path): str(value)
            for path, value in first.items()
            if all(other.get(path) == value for other in others)
        }
    keys = dict.fromkeys(key for values in by_run.values() for key in values)
    return [(key, [values.get(key, "–") for values in by_run.values()]) for key in keys]


def _page_script() -> str:
    """The page's script: its files, concatenated in one function scope."""
    folder = files("vqathinker.reporting.page") / "browser"
    parts = [(folder / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS]
    return "\n".join(['"use strict";(() => {', *parts, "})();"])


def _content_policy(scripts: Iterable[str], *, pictures_in_files: bool) -> str:
    """The Content-Security-Policy: these scripts, embedded pictures, and nothing else.

    Styles are unrestricted, because plotly.js sets them. `pictures_in_files` allows files next to
    the page.
    """
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts]
    hashes = " ".join(f"'sha256-{base64.b64encode(one).decode()}'" for one in digests)
    outside = " 'self' file:" if pictures_in_files else ""
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        f"img-src data: blob:{outside}; base-uri 'none'; form-action 'none'"
    )
