"""The command line: one command per stage of the pipeline.

Modules that compute are imported inside the commands, so that `--help` answers at once and each
command needs only the packages of its extra.
"""

import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from vqathinker import __version__
from vqathinker.cli import (
    clips,
    data,
    evaluation,
    plan,
    policy,
    report,
    score,
    serve,
    training,
    understanding,
)
from vqathinker.cli.errors import DEBUG, STOPPED, describe_error, exit_code_of
from vqathinker.cli.options import SeveralValues


class _Commands(TyperGroup):
    """Reports every failure in one line, with a traceback only if `--debug` is given."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **named: Any) -> Any:
        """Exit code 2 if the command line is wrong, 1 if the job failed."""
        given = sys.argv[1:] if args is None else args
        words = [arg for arg in given if arg != DEBUG]  # it may also stand after the command
        try:
            code = super().main(words, *more, **{**named, "standalone_mode": False})
        except Exception as error:  # noqa: BLE001  every error is reported in one line
            if DEBUG in given:
                traceback.print_exc()
            typer.echo(describe_error(error, words), err=True)
            code = exit_code_of(error)
        if code == STOPPED:
            command = " ".join(["vqathinker", *words][:3])
            typer.echo(f"Stopped: {command}. Rerun the same command to resume.", err=True)
        sys.exit(code)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Video quality assessment by reinforcement learning: every stage from data set to report. "
    "Snakemake calls these commands in order; each also works alone.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[
        bool, typer.Option(DEBUG, help="Show the traceback of an error; may follow the command.")
    ] = False,
) -> None:
    """Options of every command; `_Commands` handles `--debug`."""


def schema() -> None:
    """Print the JSON schema of the resolved parameters, for workflow/schemas.

    Example: vqathinker schema > workflow/schemas/params.schema.yaml
    """
    from vqathinker.params import json_schema

    typer.echo(json_schema(), nl=False)


_PANELS: dict[str, tuple[Callable[..., Any], ...]] = {
    "Your own clips": (score.score, serve.serve),
    "Before it starts": (plan.plan,),
    "Data": (clips.decode, clips.perturb),
    "Policy": (training.base, training.train, training.export),
    "Evaluation": (
        evaluation.predict,
        evaluation.perturbed,
        evaluation.gather,
        evaluation.metrics,
        evaluation.preference,
        evaluation.absent,
    ),
    "Report": (
        report.tables,
        report.figures,
        clips.thumbnails,
        report.page,
        report.numbers,
        report.summary,
    ),
    "Provenance": (report.explain, report.verify, report.archive),
    "Development": (schema,),
}
for _panel, _commands in _PANELS.items():
    for _command in _commands:
        app.command(cls=SeveralValues, rich_help_panel=_panel)(_command)


def _add_group(name: str, panel: str, about: str, *commands: Callable[..., Any]) -> None:
    group = typer.Typer(no_args_is_help=True, help=about)
    for command in commands:
        group.command(command.__name__.rstrip("_"), cls=SeveralValues)(command)
    app.add_typer(group, name=name, rich_help_panel=panel)


_add_group(
    "data", "Data", "Data sets: what is there, how to get it, whether it is complete.",
    data.status, data.fetch, data.manifest, data.check, data.new,
)  # fmt: skip
_add_group(
    "policy", "Policy", "Describe policy folders, or change their layout.",
    policy.import_, policy.export, policy.describe, policy.card,
)  # fmt: skip
_add_group(
    "understanding", "Evaluation", "Questions other than the score: ask, judge, measure.",
    understanding.ask, understanding.judge, understanding.measure,
)  # fmt: skip
