"""The command line: one command for each stage of the pipeline.

Commands import the modules that compute inside their functions, so that `--help` answers at once
and each command needs only the packages of its extra.
"""

import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from vqathinker import __version__
from vqathinker.cli import data, evaluate, policy, project, report, score, serve, train
from vqathinker.cli.errors import DEBUG, describe_error
from vqathinker.cli.options import Command, Group

_INTERRUPTED = 130  # exit code of shells after Ctrl-C


class _Commands(Group):
    """Report every failure in one line, with a traceback only if `--debug` is arguments."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **named: Any) -> Any:
        """Exit with 2 if the command line is wrong, and with 1 if the command failed."""
        arguments = sys.argv[1:] if args is None else args
        words = [arg for arg in arguments if arg != DEBUG]  # accepted after the command, too
        try:
            code = super().main(words, *more, **{**named, "standalone_mode": False})
        except Exception as error:  # noqa: BLE001  every error is reported in one line
            if DEBUG in arguments:
                traceback.print_exc()
            typer.echo(describe_error(error, words), err=True)
            code = 2 if isinstance(error, typer.TyperException) else 1
        if code == _INTERRUPTED:
            command = " ".join(["vqathinker", *words][:3])
            typer.echo(f"Stopped: {command}. Rerun the same command to resume.", err=True)
        sys.exit(code)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Video quality assessment by reinforcement learning, from data set to report.\n\n"
    "To run the whole pipeline, use `make demo` or Snakemake, which call these commands.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[
        bool, typer.Option(DEBUG, help="Show the traceback if a command fails.")
    ] = False,
) -> None:
    """Options of every command; `_Commands` handles `--debug`."""


def _add_commands(panel: str, *commands: Callable[..., Any]) -> None:
    for command in commands:
        app.command(cls=Command, rich_help_panel=panel)(command)


def _add_group(name: str, panel: str, text: str, *commands: Callable[..., Any]) -> None:
    group = typer.Typer(cls=Group, no_args_is_help=True, help=text)
    for command in commands:
        group.command(command.__name__.rstrip("_"), cls=Command)(command)
    app.add_typer(group, name=name, rich_help_panel=panel)


_add_commands("Score your own clips", score.score, serve.serve)
_add_group(
    "data", "Data", "Download, list and check data sets, or add your own.",
    data.status, data.fetch, data.manifest, data.check, data.new,
)  # fmt: skip
_add_commands("Data", data.decode, data.perturb)
_add_commands("Train", train.base, train.train, train.export)
_add_group(
    "policy", "Train", "Describe and convert policy folders.",
    policy.describe, policy.import_, policy.convert, policy.card,
)  # fmt: skip
_add_commands(
    "Evaluate", evaluate.predict, evaluate.merge_predictions, evaluate.metrics,
    evaluate.predict_perturbed, evaluate.preference, evaluate.skip_missing,
)  # fmt: skip
_add_group(
    "understanding", "Evaluate", "Ask questions other than the score; measure answers.",
    evaluate.ask, evaluate.judge, evaluate.measure,
)  # fmt: skip
_add_commands(
    "Report", report.tables, report.figures, report.thumbnails, report.report,
    report.metrics_json, report.summary, report.explain, report.verify, report.archive,
)  # fmt: skip
_add_commands("Project", project.plan, project.schema)
