"""Commands of the phase `report`: tables, figures, the page, and a summary on the terminal."""

from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import (
    DEFAULT_PARAMS,
    OutFile,
    ParamsFile,
    PredictionFiles,
)
from vqathinker.cli.paths import file_to_read, folder_to_read, folder_to_write
from vqathinker.params import ReportParams, UnderstandingParams, load_section
from vqathinker.products import (
    FIGURES,
    HISTORY,
    MANIFEST,
    METRICS,
    RESULTS,
    TABLE,
    UNDERSTANDING,
)

__all__ = ["figures", "page", "questions", "summary", "tables"]

OutDir = Annotated[Path, typer.Option(**folder_to_write(), help="The folder to write.")]


def tables(
    metrics: Annotated[
        list[Path],
        typer.Option(
            **file_to_read(METRICS),
            help="What `metrics` wrote; several may follow.",
        ),
    ],
    out_dir: OutDir,
) -> None:
    """Write the tables of scores, as CSV and Markdown, and the list of videos without a score."""
    from vqathinker.reporting.tables import write_tables

    write_tables(metrics, out_dir)
    typer.echo(f"{out_dir}: tables of {len(metrics)} results")


def figures(
    predictions: PredictionFiles,
    manifest: Annotated[
        list[Path],
        typer.Option(
            **file_to_read(MANIFEST),
            help="Manifests, data/SET/manifest.parquet; several may follow.",
        ),
    ],
    out_dir: OutDir,
    history: Annotated[
        list[Path],
        typer.Option(
            **file_to_read(HISTORY),
            help="Histories, .../RUN/history.csv; several may follow.",
        ),
    ] = [],  # noqa: B006  typer makes a new list for every call
) -> None:
    """Draw rewards over steps, scores against MOS, errors against spread; numbers as CSV."""
    from vqathinker.evaluation.completeness import set_of
    from vqathinker.reporting.figures import write_figures, write_scatters
    from vqathinker.reporting.uncertainty import write_uncertainty

    manifests = {set_of(path) or path.parent.name: path for path in manifest}
    write_figures({path.parent.name: path for path in history}, out_dir)
    write_scatters(predictions, manifests, out_dir)
    write_uncertainty(predictions, manifests, out_dir)
    typer.echo(f"{out_dir}: figures of {len(history)} trained runs")


def page(
    tables: Annotated[
        Path,
        typer.Option(
            **folder_to_read(TABLE),
            help="What `tables` wrote.",
        ),
    ],
    figures: Annotated[
        Path,
        typer.Option(
            **folder_to_read(FIGURES),
            help="What `figures` wrote.",
        ),
    ],
    predictions: PredictionFiles,
    out: OutFile,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Write the report: one HTML page that needs nothing outside itself."""
    from vqathinker.phases.parameters import read_params
    from vqathinker.reporting.page import write_page

    title, scale = load_section(params, ReportParams).title, str(read_params(params)["scale"])
    write_page(scale, tables, figures, predictions, out, title=title)
    typer.echo(f"{out}: report of scale {scale}")


def summary(
    results: Annotated[
        Path,
        typer.Argument(
            **folder_to_read(RESULTS),
            help="For example results/demo.",
        ),
    ],
) -> None:
    """Show the scores of a scale on the terminal, and where its report lies."""
    from vqathinker.reporting.summary import print_summary

    print_summary(results)


def questions(
    run: Annotated[list[str], typer.Option(help="Runs with rows, in order; several may follow.")],
    out_dir: OutDir,
    measures: Annotated[
        list[Path],
        typer.Option(
            **file_to_read(UNDERSTANDING), help="What `measure` wrote; several may follow."
        ),
    ] = [],  # noqa: B006  typer makes a new list for every call
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Write the tables attribution and understanding; what was not measured has a reason.

    Example: vqathinker understanding tables --run base grpo --measures base.json grpo.json
    --out-dir questions
    """
    from vqathinker.reporting.understanding import write_understanding

    write_understanding(load_section(params, UnderstandingParams), run, measures, out_dir)
    typer.echo(f"{out_dir}: tables of {len(measures)} results")
