"""The command line: one command per stage of the pipeline, and the only room that sees all others.

There is one module for each phase of `vqathinker.phases`, and what that module imports is the
phase's code; `inventory`, `plan` and `provenance` belong to none. Heavy modules are imported inside
the commands, so that `--help` answers at once.
"""

import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from vqathinker import __version__
from vqathinker.cli import (
    absent,
    base,
    clips,
    data,
    evaluation,
    inventory,
    judging,
    metrics,
    perturbed,
    plan,
    policy,
    provenance,
    report,
    score,
    serve,
    thumbnails,
    training,
    understanding,
)
from vqathinker.cli.failures import DEBUG, STOPPED, describe_error, exit_code_of, say_stopped
from vqathinker.cli.options import SeveralValues

__all__ = ["app"]


class _Commands(TyperGroup):
    """Ends every failure in one line; a traceback only where it is asked for."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **named: Any) -> Any:
        """Exit code 2 where the command line is wrong, 1 where the job failed."""
        given = sys.argv[1:] if args is None else args
        asked = [arg for arg in given if arg != DEBUG]  # it may stand behind the command, too
        try:
            try:
                code = super().main(asked, *more, **{**named, "standalone_mode": False})
            finally:  # behind the output, before the line of an error
                _warn_of_other_code()
        except Exception as error:  # noqa: BLE001  whatever it is, it is told in one line
            if DEBUG in given:
                traceback.print_exc()
            typer.echo(describe_error(error, asked), err=True)
            code = exit_code_of(error)
        if code == STOPPED:
            typer.echo(say_stopped(" ".join(["vqathinker", *asked][:3])), err=True)
        sys.exit(code)


def _warn_of_other_code() -> None:
    """An environment that several checkouts share has the package of one of them."""
    here, running = Path("src", "vqathinker"), Path(__file__).parents[1]
    if here.is_dir() and not here.samefile(running):
        typer.echo(
            f"Warning: this command runs the code in {running}, not that in {here}; run "
            "`export PYTHONPATH=$PWD/src`, or install this checkout",
            err=True,
        )


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Video quality assessment by reinforcement learning: every stage from data set to report. "
    "Snakemake calls these commands in order; each works alone, too.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and leave."
    ),
    debug: bool = typer.Option(
        False, DEBUG, help="Show the traceback of an error; may stand behind the command, too."
    ),
) -> None:
    """Options of every command; `_Commands` looks after the second one."""


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
    "Policy": (base.base, training.train, training.export),
    "Evaluation": (
        evaluation.predict,
        perturbed.perturbed,
        evaluation.gather,
        metrics.metrics,
        metrics.preference,
        absent.absent,
    ),
    "Report": (
        report.tables,
        report.figures,
        thumbnails.thumbnails,
        report.page,
        report.numbers,
        report.summary,
    ),
    "Provenance": (provenance.explain, provenance.verify, provenance.archive),
    "Development": (schema,),
}
for _panel, _commands in _PANELS.items():
    for _command in _commands:
        app.command(cls=SeveralValues, rich_help_panel=_panel)(_command)

_sets = typer.Typer(
    no_args_is_help=True, help="Data sets: what is there, bringing it, checking it."
)
for _of_sets in (inventory.status, data.fetch, data.manifest, inventory.check, inventory.new):
    _sets.command()(_of_sets)
app.add_typer(_sets, name="data", rich_help_panel="Data")
app.add_typer(policy.policy, name="policy", rich_help_panel="Policy")
_questions = typer.Typer(
    no_args_is_help=True, help="Questions beside the score: asking, judging, measuring."
)
for _of_questions in (understanding.ask, judging.judge, judging.measure):
    _questions.command(cls=SeveralValues)(_of_questions)
app.add_typer(_questions, name="understanding", rich_help_panel="Evaluation")
