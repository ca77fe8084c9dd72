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
    from vqathinker.params import DataParams, UnderstandingParams, load_section
    from vqathinker.reporting.inputs import write_inputs
    from vqathinker.reporting.preference import write_preference_tables
    from vqathinker.reporting.remarks import write_remarks
    from vqathinker.reporting.row_sources import write_provenance
    from vqathinker.reporting.tables.write import write_tables
    from vqathinker.reporting.understanding import write_understanding

    notes = write_remarks(metrics, Path(load_section(params, DataParams).cards), out_dir)
    write_tables(params, metrics, predictions, _by_set(manifest), out_dir, notes=notes)
    write_preference_tables(preference, out_dir)
    asked = load_section(params, UnderstandingParams)
    write_understanding(asked, metrics, understanding, out_dir)
    files = {"metrics": metrics, "predictions": predictions, "manifest": manifest}
    files |= {"preference": preference, "understanding": understanding}
    write_provenance(out_dir, files, params)
    write_inputs(out_dir, params, files)
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
    from vqathinker.reporting.figures.calibration import write_calibration
    from vqathinker.reporting.figures.curves import write_curves
    from vqathinker.reporting.figures.judged import judged_videos
    from vqathinker.reporting.figures.ranks import write_ranks
    from vqathinker.reporting.figures.residuals import write_residuals
    from vqathinker.reporting.figures.scatter import write_scatters
    from vqathinker.reporting.figures.uncertainty import write_uncertainty
    from vqathinker.reporting.preference import write_preference_figure
    from vqathinker.reporting.tables.main import MAIN
    from vqathinker.reporting.tables.reading import read_lines

    manifests = _by_set(manifest)
    judged = judged_videos(predictions, manifests)
    write_curves({path.parent.name: path for path in history}, out_dir)
    for write in (write_scatters, write_calibration, write_residuals):
        write(judged, out_dir)
    write_uncertainty(predictions, manifests, out_dir)
    if tables is not None:
        write_ranks(read_lines(tables / "main.csv", MAIN), out_dir)
    write_preference_figure(preference, out_dir)
    typer.echo(f"{out_dir}: figures of {len(history)} trained runs")


def _by_set(manifests: list[Path]) -> dict[str, Path]:
    from vqathinker.evaluation.completeness import set_of

    return {set_of(path) or path.parent.name: path for path in manifests}


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
    from vqathinker.reporting.page.sources import PageSources
    from vqathinker.reporting.page.write import write_page

    title, scale = load_section(params, ReportParams).title, str(read_params(params)["scale"])
    sources = PageSources(
        tables, figures, params, tuple(predictions), _by_set(manifest), tuple(perturbed),
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
