"""Commands of the phase `report`: tables, figures, the page, and a summary on the terminal."""

from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import (
    DEFAULT_PARAMS,
    OutFile,
    ParamsFile,
    PredictionFiles,
    PreferenceFiles,
)
from vqathinker.cli.paths import file_to_read, folder_to_read, folder_to_write
from vqathinker.products import (
    FIGURES,
    HISTORY,
    MANIFEST,
    METRICS,
    PERTURBED,
    PREDICTIONS,
    RESULTS,
    TABLE,
    THUMBNAILS,
    UNDERSTANDING,
)

__all__ = ["figures", "numbers", "page", "summary", "tables"]

OutDir = Annotated[Path, typer.Option(**folder_to_write(), help="The folder to write.")]


def tables(
    out_dir: OutDir,
    metrics: Annotated[
        list[Path],
        typer.Option(
            **file_to_read(METRICS),
            help="What `metrics` wrote; several may follow. None: published rows alone.",
        ),
    ] = [],  # noqa: B006  typer makes a new list for every call
    predictions: Annotated[
        list[Path],
        typer.Option(
            **file_to_read(PREDICTIONS),
            help="What the metrics are of: averages and differences get intervals.",
        ),
    ] = [],  # noqa: B006
    manifest: Annotated[
        list[Path],
        typer.Option(**file_to_read(MANIFEST), help="Manifests of these; several may follow."),
    ] = [],  # noqa: B006
    preference: PreferenceFiles = [],  # noqa: B006
    understanding: Annotated[
        list[Path],
        typer.Option(
            **file_to_read(UNDERSTANDING),
            help="What `understanding measure` wrote; several may follow.",
        ),
    ] = [],  # noqa: B006
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Write every table, as CSV, Markdown and LaTeX: scores, the main table, the ladder of runs.

    Example: vqathinker tables --metrics results/demo/metrics/grpo/*.json --predictions
    results/demo/predictions/grpo/*.parquet --manifest data/demo_*/manifest.parquet --out-dir
    my-tables
    """
    from vqathinker.reporting.tables import Inputs, write_tables

    inputs = Inputs(metrics, predictions, manifest, preference, understanding)
    write_tables(params, inputs, out_dir)
    typer.echo(f"{out_dir}: tables of {len(metrics)} results")


def figures(
    out_dir: OutDir,
    predictions: PredictionFiles = [],  # noqa: B006  typer makes a new list for every call
    manifest: Annotated[
        list[Path],
        typer.Option(
            **file_to_read(MANIFEST),
            help="Manifests, data/SET/manifest.parquet; several may follow.",
        ),
    ] = [],  # noqa: B006
    history: Annotated[
        list[Path],
        typer.Option(
            **file_to_read(HISTORY),
            help="Histories, .../RUN/history.csv; several may follow.",
        ),
    ] = [],  # noqa: B006
    preference: PreferenceFiles = [],  # noqa: B006
    tables: Annotated[
        Path | None,
        typer.Option(**folder_to_read(TABLE), help="What `tables` wrote; for ranks of methods."),
    ] = None,
) -> None:
    """Draw how training went, and scores against MOS in several ways; numbers as CSV.

    Example: vqathinker figures --predictions results/demo/predictions/grpo/*.parquet --manifest
    data/demo_*/manifest.parquet --history models/demo/grpo/history.csv --out-dir my-figures
    """
    from vqathinker.reporting import figures as drawn
    from vqathinker.reporting.formats import read_table
    from vqathinker.reporting.main_table import MAIN
    from vqathinker.reporting.plot_data import judged_videos
    from vqathinker.reporting.tables import by_set

    manifests = by_set(manifest)
    judged = judged_videos(predictions, manifests)
    drawn.write_curves({path.parent.name: path for path in history}, out_dir)
    for write in (drawn.write_scatters, drawn.write_calibration, drawn.write_residuals):
        write(judged, out_dir)
    drawn.write_uncertainty(predictions, manifests, out_dir)
    if tables is not None:
        drawn.write_ranks(read_table(tables / "main.csv", MAIN), out_dir)
    drawn.write_preference_figure(preference, out_dir)
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
    out: OutFile,
    predictions: PredictionFiles = [],  # noqa: B006  none where no set is there
    manifest: Annotated[
        list[Path],
        typer.Option(**file_to_read(MANIFEST), help="Manifests; with them points can be opened."),
    ] = [],  # noqa: B006
    perturbed: Annotated[
        list[Path],
        typer.Option(**file_to_read(PERTURBED), help="What `perturbed` wrote; several may follow."),
    ] = [],  # noqa: B006
    thumbnails: Annotated[
        list[Path],
        typer.Option(
            **folder_to_read(THUMBNAILS), help="What `thumbnails` wrote; several may follow."
        ),
    ] = [],  # noqa: B006
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Write the report: one HTML page that needs no network.

    Example: vqathinker page --tables results/demo/tables --figures results/demo/figures
    --predictions results/demo/predictions/grpo/*.parquet --out my-report.html
    """
    from vqathinker.params import ReportParams, load_section
    from vqathinker.phases.parameters import read_params
    from vqathinker.reporting.page.write import PageSources, write_page
    from vqathinker.reporting.tables import by_set

    title, scale = load_section(params, ReportParams).title, str(read_params(params)["scale"])
    sources = PageSources(
        tables, figures, params, tuple(predictions), by_set(manifest), tuple(perturbed),
        tuple(thumbnails),
    )  # fmt: skip
    write_page(scale, sources, out, title=title)
    typer.echo(f"{out}: report of scale {scale}")


def numbers(
    tables: Annotated[Path, typer.Option(**folder_to_read(TABLE), help="What `tables` wrote.")],
    out_dir: OutDir,
) -> None:
    """Write the tables' numbers as JSON files, one for each row, for `dvc metrics show` and diff.

    Example: vqathinker numbers --tables results/demo/tables --out-dir results/demo/numbers
    """
    from vqathinker.reporting.numbers import write_numbers

    written = write_numbers(tables, out_dir)
    typer.echo(f"{out_dir}: numbers of {written} rows")


def summary(
    results: Annotated[
        Path,
        typer.Argument(
            **folder_to_read(RESULTS),
            help="For example results/demo.",
        ),
    ],
) -> None:
    """Show the scores of a scale on the terminal, and where its report lies.

    Example: vqathinker summary results/demo
    """
    from vqathinker.reporting.summary import print_summary

    print_summary(results)
