"""Help texts, parsing of options, and error messages of all commands."""

import re
import shlex
from pathlib import Path
from typing import Annotated

import pytest
import typer
from tests.cli.finished_project import call
from typer.testing import CliRunner

from vqathinker.cli import app
from vqathinker.cli.errors import describe_error
from vqathinker.cli.options import Command

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
def test_help_explains_every_option_and_gives_a_valid_example(words):
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
    program, *arguments = shlex.split(text.partition("\n\n")[0])
    assert (program, tuple(arguments[: len(words)])) == ("vqathinker", words)
    used = {word for word in arguments if word.startswith("--")}
    options = {name for param in command.params for name in param.opts if name.startswith("-")}
    needed = {param.opts[0] for param in command.params if param.required}
    assert used <= options
    assert {name for name in needed if name.startswith("-")} <= used


several = typer.Typer()


@several.command(cls=Command)
def show(
    name: str,
    clips: Annotated[list[Path], typer.Option()] = [],  # noqa: B006
    output: str = "",
) -> None:
    typer.echo(f"{name}|{','.join(map(str, clips))}|{output}")


@pytest.mark.parametrize(
    ("args", "output"),
    [
        (["run", "--clips", "a", "b", "c", "--output", "x"], "run|a,b,c|x"),
        (["run", "--clips", "a", "--clips", "b"], "run|a,b|"),
        (["run", "--clips=a", "--output", "x"], "run|a|x"),
        (["run", "--clips", "--output", "x"], "run||x"),
    ],
)
def test_an_option_takes_several_values(args, output):
    result = CliRunner().invoke(several, args)
    assert result.exit_code == 0, result.output
    assert result.output.strip() == output


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("nope",), "nope"),
        (("tables", "--mertics", "x"), "--mertics"),
        (("tables",), "--output"),
        (("data", "manifest"), "'set'"),
        (("decode", "--shard", "-1"), "--shard"),
        (("decode", "--workers", "two"), "--workers"),
        (
            ("merge-predictions", "--predictions", "none.parquet", "--output", "x"),
            "vqathinker predict",
        ),
    ],
)
def test_a_wrong_command_line_gives_one_line_and_exit_code_2(words, named: str) -> None:
    code, lines = run(*words)
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith("Error: ")
    assert named in lines[0]
    assert "--help" in lines[0]


def test_the_message_names_an_output_that_cannot_be_written(finished_project: Path) -> None:
    for out, expected in (("params.yaml/x.json", 1), ("data", 2)):
        words = [out if w == ">metrics.json" else w.lstrip("<>") for w in call("metrics")]
        code, lines = run(*words)
        assert code == expected
        assert len(lines) == 1
        assert out.partition("/")[0] in lines[0]


def test_debug_works_before_and_after_the_command(finished_project: Path) -> None:
    words = [w.replace("<metrics.json", "params.yaml").lstrip("<>") for w in call("tables")]
    for arguments in (["--debug", *words], [*words, "--debug"]):
        code, lines = run(*arguments)
        assert code == 1
        assert lines[0] == "Traceback (most recent call last):"
        assert lines[-1].startswith("Error: params.yaml: ")


def test_internal_errors_and_system_errors_are_one_line() -> None:
    error = ZeroDivisionError("float division\nby zero")
    text = describe_error(error)
    assert "ZeroDivisionError: float division" in text
    assert "--debug" in text
    assert "\n" not in text
    assert describe_error(OSError(28, "No space", "a/b")).startswith("Error: a/b: ")
    assert "evaluation.batch_size" in describe_error(MemoryError())
