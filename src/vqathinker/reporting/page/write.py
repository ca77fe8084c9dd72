"""The report of a scale as one HTML page that a browser opens without a network.

It carries no date, so the same results give the same bytes. Whatever policies said is data or
escaped text in it, never markup: a strict policy lets no other script run than its own.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from vqathinker.atomic import whole_file
from vqathinker.datasets.card import label_origin
from vqathinker.evaluation.predictions import Predictions, read_predictions
from vqathinker.params import DataParams, load_section
from vqathinker.policy.label_sentences import describe_labels_of
from vqathinker.products import FIGURES
from vqathinker.reporting.formats import NUMBERS, flat, format_cell, read_table
from vqathinker.reporting.ladder import LADDER, ladder_grids
from vqathinker.reporting.main_table import MAIN, main_grids
from vqathinker.reporting.page import clips, plots
from vqathinker.reporting.page.embed import (
    content_policy,
    own_script,
    packed,
    packed_text,
    plotly_script,
)
from vqathinker.reporting.preference import COLUMNS as PREFERENCE
from vqathinker.reporting.preference import describe_preference, preference_grid
from vqathinker.reporting.provenance import PROVENANCE, Link, read_provenance
from vqathinker.reporting.scale import TableScale, load_table_scale
from vqathinker.reporting.scores import COLUMNS as SCORES
from vqathinker.reporting.tables import REMARKS
from vqathinker.reporting.understanding import COLUMNS as UNDERSTANDING
from vqathinker.video.thumbnails import read_thumbnails

_NOT_SCORED_LISTED = 50
_ATTRIBUTION = ("run", "task", "n", "n_failed", "value", "low", "high", "chance", "majority")
_PREFERENCE = "Temporal preference: one row for each run, one column for each kind of perturbation"
_OF_ONE_BENCHMARK = {"run", "benchmark"}
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:")


class PageSources(NamedTuple):
    """Folders and files.

    Attributes:
        tables: the folder that `write_tables` wrote with these `params`.
        figures: the folder of figures; the page draws their numbers, as far as they are there.
        params: params.yaml or the file of a job of the report.
        predictions: of every run on every benchmark.
        manifests: benchmark to its manifest; a benchmark without one has no points.
        perturbed: predictions on perturbed copies, as far as there are any.
        thumbnails: a folder for each benchmark, named as it; without one, points show no frames.
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

    Thumbnails go into the page while they are small together; above, the page shows the files where
    they lie. Completions go into it up to a limit, see `clips.leave_out`. The page says so.

    Raises:
        InputError: a table is not there, or a file is not what it should be.
    """
    said = [read_predictions(path) for path in sources.predictions]
    by_run: dict[str, list[Predictions]] = {}
    for one in said:
        by_run.setdefault(one.run, []).append(one)
    known = load_table_scale(sources.params)
    cards = Path(load_section(sources.params, DataParams).cards)
    origins = {name: label_origin(name, cards) for name in (known.train_set, *known.domains)}
    benchmarks = clips.benchmarks_of(said, sources.manifests, sources.perturbed)
    thumbnails = read_thumbnails(sources.thumbnails)
    sheets = clips.sheets_of(thumbnails, benchmarks, out)
    shown = known.method if known.method in by_run else next(reversed(by_run), "")
    picks = clips.picks_of(shown, benchmarks, thumbnails)
    left_out = clips.leave_out(shown, benchmarks)
    tables = _tables(known, shown, sources.tables)
    drawn = _plots(shown, tables, sources)
    plotly, own = plotly_script(), own_script()
    loader = PackageLoader("vqathinker.reporting.page", ".")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    environment.filters["format_cell"] = format_cell
    text = environment.get_template("page.html.j2").render(
        labels=describe_labels_of(known.train_set, origins),
        title=title, scale=scale, runs=list(by_run), shown=shown, **tables,
        style=Path(__file__).with_name("page.css").read_text("utf-8"),
        policy=content_policy([plotly, own], pictures_beside=sheets.beside),
        numbers=NUMBERS, listed=_NOT_SCORED_LISTED, plots=drawn,
        picks=picks, beside=sheets.beside, left_out=left_out,
        origins=_provenance_table(by_run), traced=_traced_rows(sources.tables),
        clips=sum(len(one.columns["video"]) for one in benchmarks),
        blocks=_blocks({"run": shown, "runs": list(by_run)}, benchmarks, sheets, drawn),
        sheets=sheets.inside, plotly=packed_text(plotly), script=own,
    )  # fmt: skip
    with whole_file(out) as part:
        part.write_text(text + "\n", encoding="utf-8")


def _tables(known: TableScale, shown: str, folder: Path) -> dict[str, Any]:
    """Every table as the template asks for it."""
    columns = {**SCORES, **REMARKS}
    tables = {name: read_table(folder / f"{name}.csv", columns[name]) for name in columns}
    ladder = read_table(folder / "ladder.csv", LADDER)
    preference = read_table(folder / "preference.csv", PREFERENCE)
    attribution = read_table(folder / "attribution.csv", UNDERSTANDING)
    return {
        **tables,
        "benchmarks": list(dict.fromkeys(row["benchmark"] for row in tables["scoring"])),
        "main": main_grids(known, read_table(folder / "main.csv", MAIN), intervals=True),
        "answer": plots.answer_of(ladder),
        "rungs": ladder,
        "ladder": ladder_grids(known, ladder),
        "preferences": preference_grid(preference, _PREFERENCE) if preference else None,
        "preferred": describe_preference(preference, shown),
        "attributed": attribution,
        "attribution": [
            {name: row[name] for name in _ATTRIBUTION}
            for row in attribution
            if row["part"] == "overall" and row["value"] is not None
        ],
    }


def _plots(run: str, tables: Mapping[str, Any], sources: PageSources) -> dict[str, plots.Plot]:
    """Every plot that there are numbers for, by the name of its place."""

    def numbers(name: str) -> list[dict[str, Any]]:
        path = sources.figures / f"{name}.csv"
        return read_table(path, product=FIGURES) if path.is_file() else []

    drawn = {
        "answer": plots.before_and_after(tables["answer"]),
        "curves": plots.curves_plot(numbers("training_curve")),
        "ladder": plots.ladder_plot(tables["rungs"]),
        "ranks": plots.ranks_plot(numbers("ranks")),
        "calibration": plots.calibration_plot(numbers("calibration")),
        "preference": plots.preference_plot(numbers("preference")),
        "attribution": plots.attribution_plot(tables["attributed"]),
    }
    residuals = plots.residual_plots(run, numbers("residuals"))
    drawn |= {f"residuals-{number}": plot for number, plot in enumerate(residuals)}
    return {name: plot for name, plot in drawn.items() if plot is not None}


def _blocks(
    runs: Mapping[str, Any],
    benchmarks: Sequence[clips.Benchmark],
    sheets: clips.Sheets,
    drawn: Mapping[str, plots.Plot],
) -> dict[str, str]:
    """Packed data by the id of its block: what plots need, and the texts of each benchmark."""
    places = [
        {"name": one.name, **one.columns, "thumbs": sheets.of.get(one.name)} for one in benchmarks
    ]
    content = {name: {"data": plot.data, "layout": plot.layout} for name, plot in drawn.items()}
    texts = {f"texts-{number}": packed(one.texts) for number, one in enumerate(benchmarks)}
    return {"data": packed({**runs, "places": places, "plots": content}), **texts}


def _traced_rows(tables: Path) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Every row of `scoring` with the kind, name and sha256 of the files that it follows from."""
    provenance = read_provenance(tables / f"scoring{PROVENANCE}")
    return [
        (row, [file for name in names for link in provenance.links(name) for file in _files(link)])
        for row, names in provenance.rows.items()
    ]


def _files(link: Link) -> Iterator[tuple[str, str, str]]:
    if link.kind == "clips":
        yield from (("clips", "", sha256) for sha256 in link.facts["sha256"])
    elif link.kind in {"file", "metrics", "predictions"}:
        yield link.kind, link.path or "", link.sha256 or ""
    elif link.kind in {"policy", "manifest"}:
        yield link.kind, "", link.sha256 or ""


def _provenance_table(predictions: Mapping[str, list[Predictions]]) -> list[tuple[str, list[str]]]:
    """What is recorded of each run, key by key: only what is the same for all its benchmarks."""
    by_run = {
        run: _shared([flat(one.provenance) for one in own]) for run, own in predictions.items()
    }
    keys = dict.fromkeys(key for values in by_run.values() for key in values)
    return [(key, [values.get(key, "–") for values in by_run.values()]) for key in keys]


def _shared(origins: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {
        key: str(value)
        for key, value in origins[0].items()
        if key not in _OF_ONE_BENCHMARK
        and not _TIME.match(str(value))
        and all(other.get(key) == value for other in origins)
    }
