"""The report of a scale as one HTML page that a browser opens without a network.

It carries no date, so the same results give the same bytes. Whatever policies said is data or
escaped text in it, never markup: a strict policy lets no other script run than its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from vqathinker.atomic import whole_file
from vqathinker.datasets.label_origin import label_origin
from vqathinker.evaluation.predictions import Predictions, read_predictions
from vqathinker.params import DataParams, load_section
from vqathinker.policy.label_sentences import describe_labels_of
from vqathinker.reporting.page.answer import Answer, answer_of
from vqathinker.reporting.page.clips import Benchmark, benchmarks_of
from vqathinker.reporting.page.embed import (
    content_policy,
    own_script,
    packed,
    packed_text,
    plotly_script,
)
from vqathinker.reporting.page.origins import provenance_table, traced_rows
from vqathinker.reporting.page.pictures import Sheets, picks_of, sheets_of
from vqathinker.reporting.page.plots import (
    Plot,
    attribution_plot,
    before_and_after,
    curves_plot,
    ladder_plot,
    preference_plot,
    ranks_plot,
)
from vqathinker.reporting.page.plots_of_videos import calibration_plot, residual_plots
from vqathinker.reporting.page.sources import PageSources, read_attribution_rows, read_figure
from vqathinker.reporting.preference import describe_preference, read_preference_table
from vqathinker.reporting.remarks import NOT_THERE, NOTES
from vqathinker.reporting.tables.formats import format_cell
from vqathinker.reporting.tables.ladder import LADDER
from vqathinker.reporting.tables.ladder_grids import ladder_grids
from vqathinker.reporting.tables.main import MAIN
from vqathinker.reporting.tables.main_grids import main_grids
from vqathinker.reporting.tables.reading import read_lines
from vqathinker.reporting.tables.scale import TableScale, load_table_scale
from vqathinker.reporting.tables.scoring import (
    ANSWERS,
    BY_SCORE,
    NOT_SCORED,
    NUMBERS,
    OVERALL,
    SCORING,
    read_table,
)
from vqathinker.reporting.understanding import read_attribution
from vqathinker.video.thumbnails import read_thumbnails

__all__ = ["write_page"]

_NOT_SCORED_LISTED = 50
_REAL = ("n_failed", "value", "low", "high", "chance", "majority")


def write_page(
    scale: str,
    sources: PageSources,
    out: Path,
    *,
    title: str = "VQAThinker: video quality assessment",
) -> None:
    """Write the report: answer, scores, plots, clips, what failed, and how to trace each number.

    Thumbnails go into the page while they are small together, see `pictures`; above, the page
    shows the files where they lie and says so.

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
    benchmarks = benchmarks_of(said, sources.manifests, sources.perturbed)
    thumbnails = read_thumbnails(sources.thumbnails)
    sheets = sheets_of(thumbnails, benchmarks, out)
    shown = known.method if known.method in by_run else next(reversed(by_run), "")
    tables = _tables(known, sources.tables)
    plots = _plots(shown, tables, sources)
    plotly, own = plotly_script(), own_script()
    text = _environment().get_template("page.html.j2").render(
        labels=describe_labels_of(known.train_set, origins),
        preferred=describe_preference(sources.tables / "preference.csv", shown),
        title=title, scale=scale, runs=list(by_run), shown=shown, **tables,
        style=files("vqathinker.reporting.page").joinpath("page.css").read_text("utf-8"),
        policy=content_policy([plotly, own], pictures_beside=sheets.beside),
        numbers={*NUMBERS, *_REAL}, listed=_NOT_SCORED_LISTED, plots=plots,
        picks=picks_of(shown, benchmarks, thumbnails), beside=sheets.beside,
        origins=provenance_table(by_run), traced=traced_rows(sources.tables),
        clips=sum(len(one.columns["video"]) for one in benchmarks),
        blocks=dict(_blocks(shown, list(by_run), benchmarks, sheets, plots)),
        sheets=sheets.inside, plotly=packed_text(plotly), script=own,
    )  # fmt: skip
    with whole_file(out) as part:
        part.write_text(text + "\n", encoding="utf-8")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("vqathinker.reporting.page", "."),
        autoescape=True,
        undefined=StrictUndefined,
    )
    environment.filters["format_cell"] = format_cell
    return environment


def _tables(known: TableScale, folder: Path) -> dict[str, Any]:
    """Every table as the template asks for it."""
    ladder = read_lines(folder / "ladder.csv", LADDER)
    scoring = read_table(folder / "scoring.csv", SCORING)
    return {
        "scoring": scoring,
        "benchmarks": list(dict.fromkeys(row["benchmark"] for row in scoring)),
        "main": main_grids(known, read_lines(folder / "main.csv", MAIN), intervals=True),
        "answer": answer_of(ladder),
        "rungs": ladder,
        "ladder": ladder_grids(known, ladder),
        "overall": read_table(folder / "overall.csv", OVERALL),
        "by_score": read_table(folder / "scores.csv", BY_SCORE),
        "answers": read_table(folder / "answers.csv", ANSWERS),
        "not_scored": read_table(folder / "not_scored.csv", NOT_SCORED),
        "not_there": read_table(folder / "not_there.csv", NOT_THERE),
        "notes": read_table(folder / "notes.csv", NOTES),
        "preferences": read_preference_table(folder / "preference.csv"),
        "attribution": read_attribution(folder / "attribution.csv"),
    }


def _plots(run: str, tables: Mapping[str, Any], sources: PageSources) -> dict[str, Plot]:
    """Every plot that there are numbers for, by the name of its place."""
    answer: Answer = tables["answer"]
    drawn = {
        "answer": before_and_after(answer),
        "curves": curves_plot(read_figure(sources.figures, "training_curve")),
        "ladder": ladder_plot(tables["rungs"]),
        "ranks": ranks_plot(read_figure(sources.figures, "ranks")),
        "calibration": calibration_plot(read_figure(sources.figures, "calibration")),
        "preference": preference_plot(read_figure(sources.figures, "preference")),
        "attribution": attribution_plot(read_attribution_rows(sources.tables)),
    }
    residuals = residual_plots(run, read_figure(sources.figures, "residuals"))
    drawn |= {f"residuals-{number}": plot for number, plot in enumerate(residuals)}
    return {name: plot for name, plot in drawn.items() if plot is not None}


def _blocks(
    shown: str,
    runs: Sequence[str],
    benchmarks: Sequence[Benchmark],
    sheets: Sheets,
    plots: Mapping[str, Plot],
) -> Iterator[tuple[str, str]]:
    """Packed data by the id of its block: what plots need, and the texts of each benchmark."""
    places = [
        {"name": one.name, **one.columns, "thumbs": sheets.of.get(one.name)} for one in benchmarks
    ]
    drawn = {name: {"data": plot.data, "layout": plot.layout} for name, plot in plots.items()}
    yield "data", packed({"run": shown, "runs": list(runs), "places": places, "plots": drawn})
    for number, one in enumerate(benchmarks):
        yield f"texts-{number}", packed(one.texts)
