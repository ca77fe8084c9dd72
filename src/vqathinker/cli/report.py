"""Tables, figures, the page and its summary; and where their numbers come from."""

import json
from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import (
    DEFAULT_PARAMS,
    FOLDER,
    AsJson,
    Manifests,
    OutDir,
    OutFile,
    ParamsFile,
    PredictionFiles,
    PreferenceFiles,
    TablesFolder,
    files_option,
    folder_option,
)
from vqathinker.products import (
    FIGURES,
    HISTORY,
    METRICS,
    PERTURBED,
    THUMBNAILS,
    UNDERSTANDING,
)

Results = Annotated[Path, typer.Argument(**FOLDER, help="Results of a scale, as results/demo.")]
# Typer makes a new list of an empty default for every call.
# ruff: noqa: B006


def tables(
    out_dir: OutDir,
    metrics: Annotated[list[Path], files_option(METRICS)] = [],
    predictions: PredictionFiles = [],
    manifest: Manifests = [],
    preference: PreferenceFiles = [],
    understanding: Annotated[list[Path], files_option(UNDERSTANDING)] = [],
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Write every table, as CSV, Markdown and LaTeX: scores, the main table, the ladder of runs.

    Without --metrics there are published rows only. With --predictions and --manifest, averages
    and differences get intervals.

    Example: vqathinker tables --metrics results/demo/metrics/grpo/*.json --predictions
    results/demo/predictions/grpo/*.parquet --manifest data/demo_*/manifest.parquet --out-dir
    my-tables
    """
    from vqathinker.reporting.tables import TableInputs, write_tables

    inputs = TableInputs(metrics, predictions, manifest, preference, understanding)
    write_tables(params, inputs, out_dir)
    typer.echo(f"{out_dir}: tables of {len(metrics)} results")


def figures(
    out_dir: OutDir,
    predictions: PredictionFiles = [],
    manifest: Manifests = [],
    history: Annotated[list[Path], files_option(HISTORY)] = [],
    preference: PreferenceFiles = [],
) -> None:
    """Draw training curves and scores against MOS; numbers as CSV.

    Example: vqathinker figures --predictions results/demo/predictions/grpo/*.parquet --manifest
    data/demo_*/manifest.parquet --history models/demo/grpo/history.csv --out-dir my-figures
    """
    from vqathinker.reporting import figures as drawn
    from vqathinker.reporting.plot_data import scored_videos
    from vqathinker.reporting.tables import manifests_by_set

    scored = scored_videos(predictions, manifests_by_set(manifest))
    drawn.write_curves({path.parent.name: path for path in history}, out_dir)
    for write in (drawn.write_scatters, drawn.write_calibration, drawn.write_residuals):
        write(scored, out_dir)
    drawn.write_preference_figure(preference, out_dir)
    typer.echo(f"{out_dir}: figures of {len(history)} trained runs")


def page(
    tables: TablesFolder,
    figures: Annotated[Path, folder_option(FIGURES)],
    out: OutFile,
    predictions: PredictionFiles = [],
    manifest: Manifests = [],
    perturbed: Annotated[list[Path], files_option(PERTURBED)] = [],
    thumbnails: Annotated[
        list[Path], typer.Option(**FOLDER, help=f"{THUMBNAILS}; several may follow")
    ] = [],
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Write the report: one HTML page that needs no network.

    With --manifest, points of figures open the video's facts.

    Example: vqathinker page --tables results/demo/tables --figures results/demo/figures
    --predictions results/demo/predictions/grpo/*.parquet --out my-report.html
    """
    from vqathinker.params import ReportParams, load_section
    from vqathinker.phases.parameters import read_params
    from vqathinker.reporting.page.write import PageSources, write_page
    from vqathinker.reporting.tables import manifests_by_set

    title, scale = load_section(params, ReportParams).title, str(read_params(params)["scale"])
    sources = PageSources(
        tables, figures, params, tuple(predictions), manifests_by_set(manifest), tuple(perturbed),
        tuple(thumbnails),
    )  # fmt: skip
    write_page(scale, sources, out, title=title)
    typer.echo(f"{out}: report of scale {scale}")


def numbers(tables: TablesFolder, out_dir: OutDir) -> None:
    """Write the tables' numbers as JSON, one file per row, for `dvc metrics show` and diff.

    Example: vqathinker numbers --tables results/demo/tables --out-dir results/demo/numbers
    """
    from vqathinker.reporting.numbers import write_numbers

    written = write_numbers(tables, out_dir)
    typer.echo(f"{out_dir}: numbers of {written} rows")


def summary(results: Results) -> None:
    """Show the scores of a scale on the terminal, and the path of its report.

    Example: vqathinker summary results/demo
    """
    from vqathinker.reporting.summary import print_summary

    print_summary(results)


def explain(
    results: Results,
    table: Annotated[str, typer.Argument(help="Name of a table, such as scoring.")],
    row: Annotated[str, typer.Argument(help="Name of a row, such as grpo/demo_content.")],
    column: Annotated[str, typer.Argument(help="Name of a column, such as srcc.")],
    as_json: AsJson = False,
) -> None:
    """Trace a number back to label file and videos, and check whether these have changed.

    Example: vqathinker explain results/demo scoring grpo/demo_content srcc
    """
    from vqathinker.reporting.explain import as_text
    from vqathinker.reporting.explain import explain as explain_cell

    found = explain_cell(results, table, row, column)
    if not as_json:
        typer.echo(as_text(found))
        return
    chains = [
        {**chain._asdict(), "links": [link._asdict() for link in chain.links],
         "videos": [video._asdict() for video in chain.videos]}
        for chain in found.chains
    ]  # fmt: skip
    content = {**found._asdict(), "table": str(found.table), "chains": chains}
    typer.echo(json.dumps(content, indent=1, ensure_ascii=False))


def verify(results: Results) -> None:
    """Compute metrics and tables again from predictions; exit code 1 if one differs.

    Example: vqathinker verify results/demo
    """
    from vqathinker.reporting.verify import verify as verify_results

    wrong = False
    for finding in verify_results(results):
        typer.echo(f"{finding.name}: {'DIFFERS' if finding.wrong else 'agrees'}")
        for line in finding.wrong:
            typer.echo(f"  {line}")
        wrong = wrong or bool(finding.wrong)
    if wrong:
        raise typer.Exit(1)


def archive(results: Results, out: OutFile, params: ParamsFile = DEFAULT_PARAMS) -> None:
    """Pack results and their provenance as an RO-Crate, without videos and weights.

    Example: vqathinker archive results/demo --out demo.crate.zip
    """
    from vqathinker.reporting.archive import archive as pack

    typer.echo(f"{out}: {pack(results, out, params)} files of {results}")
