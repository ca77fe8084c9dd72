"""Every command has a help text with a valid example, and fails in one line."""

import re
import shlex
from pathlib import Path
from typing import Annotated

import pytest
import typer
from tests.cli.finished_project import call
from typer.testing import CliRunner

from vqathinker.cli import app
from vqathinker.cli.errors import describe_error, exit_code_of
from vqathinker.cli.options import SeveralValues

TOP = typer.main.get_command(app)
NAMES = [
    (name, *word)
    for name, command in TOP.commands.items()
    for word in ([(word,) for word in command.commands] if hasattr(command, "commands") else [()])
]


def run(*words: str) -> tuple[int, list[str]]:
    done = CliRunner().invoke(app, words)
    return done.exit_code, done.stderr.splitlines()


@pytest.mark.parametrize("words", NAMES, ids=" ".join)
def test_help_explains_every_option_and_has_a_valid_example(words):
    result = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    lines = [line.strip("│ ") for line in result.output.splitlines() if line.startswith("│")]
    rows = re.split(r"\n(?=[*-]|[A-Z]+ {2})", "\n".join(lines))  # an explanation may be folded
    assert lines
    assert all(len(row.split()) > 3 for row in rows), rows

    command = TOP
    for word in words:
        command = command.commands[word]
    _, mark, text = command.help.partition("Example: ")
    assert mark, "no example"
    program, *given = shlex.split(text.partition("\n\n")[0])
    assert (program, tuple(given[: len(words)])) == ("vqathinker", words)
    used = {word for word in given if word.startswith("--")}
    options = {name for param in command.params for name in param.opts if name.startswith("-")}
    needed = {param.opts[0] for param in command.params if param.required}
    assert used <= options
    assert {name for name in needed if name.startswith("-")} <= used


several = typer.Typer()


@several.command(cls=SeveralValues)
def show(
    name: str,
    clips: Annotated[list[Path], typer.Option()] = [],  # noqa: B006
    out: str = "",
) -> None:
    typer.echo(f"{name}|{','.join(map(str, clips))}|{out}")


@pytest.mark.parametrize(
    ("args", "output"),
    [
        (["run", "--clips", "a", "b", "c", "--out", "x"], "run|a,b,c|x"),
        (["run", "--clips", "a", "--clips", "b"], "run|a,b|"),
        (["run", "--clips=a", "--out", "x"], "run|a|x"),
        (["run", "--clips", "--out", "x"], "run||x"),
    ],
)
def test_values_follow_their_option_until_the_next_one(args, output):
    result = CliRunner().invoke(several, args)
    assert result.exit_code == 0, result.output
    assert result.output.strip() == output


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("nope",), "nope"),
        (("tables", "--mertics", "x"), "--mertics"),
        (("tables",), "--out-dir"),
        (("data", "manifest"), "SET"),
        (("decode", "--shard", "-1"), "--shard"),
        (("decode", "--workers", "two"), "--workers"),
        (("gather", "--predictions", "none.parquet", "--out", "x"), "vqathinker predict"),
    ],
)
def test_a_wrong_command_line_is_reported_in_one_line_with_exit_code_2(words, named: str) -> None:
    code, lines = run(*words)
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith("Error: ")
    assert named in lines[0]
    assert "--help" in lines[0]


def test_an_output_that_cannot_be_written_is_named(finished_project: Path) -> None:
    for out, expected in (("params.yaml/x.json", 1), ("data", 2)):
        words = [out if w == ">metrics.json" else w.lstrip("<>") for w in call("metrics")]
        code, lines = run(*words)
        assert code == expected
        assert len(lines) == 1
        assert out.partition("/")[0] in lines[0]


def test_debug_shows_the_traceback_wherever_it_stands(finished_project: Path) -> None:
    words = [w.replace("<metrics.json", "params.yaml").lstrip("<>") for w in call("tables")]
    for asked in (["--debug", *words], [*words, "--debug"]):
        code, lines = run(*asked)
        assert code == 1
        assert lines[0] == "Traceback (most recent call last):"
        assert lines[-1].startswith("Error: params.yaml: ")


def test_errors_of_the_program_the_system_and_of_memory_are_one_line() -> None:
    error = ZeroDivisionError("float division\nby zero")
    text = describe_error(error)
    assert "ZeroDivisionError: float division" in text
    assert "--debug" in text
    assert "\n" not in text
    assert exit_code_of(error) == 1
    assert describe_error(OSError(28, "No space", "a/b")).startswith("Error: a/b: ")
    assert "evaluation.batch_size" in describe_error(MemoryError())
