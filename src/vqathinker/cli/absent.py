"""Command of the phase `absent`: the empty row of a run on a benchmark for want of a set."""

from typing import Annotated

import typer

from vqathinker.cli.options import DEFAULT_PARAMS, OutFile, ParamsFile

__all__ = ["absent"]


def absent(
    run: Annotated[str, typer.Argument(help="Name of the run.")],
    benchmark: Annotated[str, typer.Argument(help="Name of the test set.")],
    lacking: Annotated[
        list[str],
        typer.Option(help="The sets that are not there: the test set, the run's training set."),
    ],
    out: OutFile,
    params: ParamsFile = DEFAULT_PARAMS,
) -> None:
    """Write the metrics of a run on a set that is not there: no number, and what brings the set.

    Example: vqathinker absent base live_vqc --lacking live_vqc --out live_vqc.json
    """
    from vqathinker.evaluation.metrics import write_absent
    from vqathinker.params import EvaluationParams, SetParams, load_section

    data, how = load_section(params, SetParams), load_section(params, EvaluationParams)
    write_absent(run, benchmark, lacking, data, how, out)
    typer.echo(f"{out}: {run} on {benchmark} is an empty row, for want of {', '.join(lacking)}")
