"""Options that take several values read `--clips A B` as `--clips A --clips B`."""

from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from vqathinker.cli.options import SeveralValues

app = typer.Typer()


@app.command(cls=SeveralValues)
def show(
    name: str,
    clips: Annotated[list[Path], typer.Option()] = [],  # noqa: B006
    out: str = "",
) -> None:
    typer.echo(f"{name}|{','.join(map(str, clips))}|{out}")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["run", "--clips", "a", "b", "c", "--out", "x"], "run|a,b,c|x"),
        (["run", "--clips", "a", "--clips", "b"], "run|a,b|"),
        (["run", "--clips=a", "--out", "x"], "run|a|x"),
        (["run", "--out", "x", "--clips", "a"], "run|a|x"),
        (["run", "--clips", "--out", "x"], "run||x"),
        (["run"], "run||"),
    ],
)
def test_values_follow_their_option_until_the_next_one(args, said):
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, result.output
    assert result.output.strip() == said
