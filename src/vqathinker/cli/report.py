"""Tables, figures, the report and its summary; and where their numbers come from."""

import json
from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import (
    DEFAULT_PARAMS,
    AsJson,
    Clips,
    Manifests,
    OutputFile,
    OutputFolder,
    ParamsFile,
    PredictionFiles,
    PreferenceFiles,
    TablesFolder,
    folder_argument,
    input_files,
    input_folder,
)

Results = Annotated[
    Path, folder_argument("results", "Results of a scale, for example results/demo.")
]
# Typer makes a new list of an empty default for every call.
# ruff: noqa: B006


def tables(
    output: OutputFolder,
    metrics: Annotated[
        list[Path], input_files("Metrics of runs on benchmarks, from `vqathinker metrics`.")
    ] = [],
    predictions: PredictionFiles = [],
    manifest: Manifests = [],
    preference: PreferenceFiles = [],
    understanding: Annotated[
        list[Path], input_files("Measures of answers, from `vqathinker understanding measure`.")
    ] = [],
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Write all result tables as CSV, Markdown and LaTeX.

    Without --metrics they contain published results only. Confidence intervals of averages and
    differences need --predictions and --manifest.

    Example: vqathinker tables --metrics results/demo/metrics/grpo/*.json --predictions
    results/demo/predictions/grpo/*.parquet --manifest data/demo_*/manifest.parquet --output
    my-tables
    """
    from vqathinker.reporting.tables import TableInputs, write_tables

    inputs = TableInputs(metrics, predictions, manifest, preference, understanding)
    write_tables(params, inputs, output)
    typer.echo(f"{output}: tables of {len(metrics)} results")


def figures(
    output: OutputFolder,
    predictions: PredictionFiles = [],
    manifest: Manifests = [],
    history: Annotated[
        list[Path], input_files("Training histories (history.csv), from `vqathinker train`.")
    ] = [],
    preference: PreferenceFiles = [],
) -> None:
    """Draw training curves and scatter plots.

    Scores are plotted against labels (MOS). The plotted numbers are also written as CSV.

    Example: vqathinker figures --predictions results/demo/predictions/grpo/*.parquet --manifest
    data/demo_*/manifest.parquet --history models/demo/grpo/history.csv --output my-figures
    """
    from vqathinker.reporting import figures as plots
    from vqathinker.reporting.plot_data import scored_videos
    from vqathinker.reporting.tables import manifests_by_set

    scored = scored_videos(predictions, manifests_by_set(manifest))
    plots.write_curves({path.parent.name: path for path in history}, output)
    for write in (plots.write_scatters, plots.write_calibration, plots.write_residuals):
        write(scored, output)
    plots.write_preference_figure(preference, output)
    typer.echo(f"{output}: figures of {len(history)} trained runs")


def thumbnails(clips: Clips, output: OutputFolder) -> None:
    """Draw thumbnails of clips for the report.

    Every frame of a clip gets one. The output folder must have the name of the benchmark.

    Example: vqathinker thumbnails --clips clips/demo_content/6x112/0000.safetensors
    --output results/demo/thumbnails/demo_content
    """
    from vqathinker.video.thumbnails import write_thumbnails

    number = write_thumbnails(clips, output)
    typer.echo(f"{output}: thumbnails of {number} clips")


def report(
    tables: TablesFolder,
    figures: Annotated[Path, input_folder("Folder of figures, from `vqathinker figures`.")],
    output: OutputFile,
    predictions: PredictionFiles = [],
    manifest: Manifests = [],
    perturbed: Annotated[
        list[Path],
        input_files("Predictions on perturbed clips, from `vqathinker predict-perturbed`."),
    ] = [],
    thumbnails: Annotated[
        list[Path], input_folder("Thumbnails of each benchmark, from `vqathinker thumbnails`.")
    ] = [],
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Write the report, a single HTML page.

    It needs no network. With --manifest, points in figures show the properties of their video.

    Example: vqathinker report --tables results/demo/tables --figures results/demo/figures
    --predictions results/demo/predictions/grpo/*.parquet --output my-report.html
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
    write_page(scale, sources, output, title=title)
    typer.echo(f"{output}: report of scale {scale}")


def metrics_json(tables: TablesFolder, output: OutputFolder) -> None:
    """Write the tables' numbers as JSON for `dvc metrics`.

    There is one file for each row.

    Example: vqathinker metrics-json --tables results/demo/tables --output results/demo/numbers
    """
    from vqathinker.reporting.numbers import write_numbers

    number = write_numbers(tables, output)
    typer.echo(f"{output}: numbers of {number} rows")


def summary(results: Results) -> None:
    """Print the scores of a scale and the path of its report.

    Example: vqathinker summary results/demo
    """
    from vqathinker.reporting.summary import print_summary

    print_summary(results)


def explain(
    results: Results,
    table: Annotated[
        str, typer.Argument(metavar="table", help="Name of the table, for example scoring.")
    ],
    row: Annotated[
        str, typer.Argument(metavar="row", help="Name of the row, for example grpo/demo_content.")
    ],
    column: Annotated[
        str, typer.Argument(metavar="column", help="Name of the column, for example srcc.")
    ],
    as_json: AsJson = False,
) -> None:
    """Trace a number in a table back to labels and videos.

    Reports which of these files have changed since.

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
    """Recompute metrics and tables, and compare them.

    The exit code is 1 if a file differs.

    Example: vqathinker verify results/demo
    """
    from vqathinker.reporting.verify import verify as verify_results

    differs = False
    for finding in verify_results(results):
        typer.echo(f"{finding.name}: {'DIFFERS' if finding.wrong else 'agrees'}")
        for line in finding.wrong:
            typer.echo(f"  {line}")
        differs = differs or bool(finding.wrong)
    if differs:
        raise typer.Exit(1)


def archive(results: Results, output: OutputFile, params: ParamsFile = DEFAULT_PARAMS) -> None:
    """Pack results and provenance as an RO-Crate.

    Videos and weights are left out.

    Example: vqathinker archive results/demo --output demo.crate.zip
    """
    from vqathinker.reporting.archive import archive as pack

    typer.echo(f"{output}: {pack(results, output, params)} files of {results}")
