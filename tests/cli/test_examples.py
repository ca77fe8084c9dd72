"""Every help text has an example, which is a call of that command; shells complete its words."""

import os
import shlex
import subprocess
import sys

import pytest
import typer
from tests.cli.test_app import NAMES
from typer.testing import CliRunner

from vqathinker.cli import app

TOP = typer.main.get_command(app)


def command_of(words: tuple[str, ...]) -> tuple[object, typer.Context]:
    command, context = TOP, typer.Context(TOP, info_name="vqathinker")
    for word in words:
        command = command.commands[word]
        context = typer.Context(command, info_name=word, parent=context)
    return command, context


def example_of(words: tuple[str, ...]) -> list[str]:
    command, _ = command_of(words)
    _, mark, text = command.help.partition("Example: ")
    assert mark, f"vqathinker {' '.join(words)} has no `Example: vqathinker …` in its help"
    return shlex.split(text.partition("\n\n")[0])


@pytest.mark.parametrize("words", NAMES, ids=" ".join)
def test_the_example_is_a_call_of_this_command_with_options_that_it_has(words):
    program, *given = example_of(words)
    assert program == "vqathinker"
    assert tuple(given[: len(words)]) == words
    command, _ = command_of(words)
    options = {name for param in command.params for name in param.opts if name.startswith("-")}
    used = [word for word in given if word.startswith("--")]
    assert set(used) <= options
    needed = {name for param in command.params if param.required for name in param.opts[:1]}
    assert {name for name in needed if name.startswith("-")} <= set(used)


@pytest.mark.parametrize("words", NAMES, ids=" ".join)
def test_help_shows_the_example(words):
    shown = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"}).output
    assert f"Example: {' '.join(example_of(words))[:60]}" in " ".join(shown.split())


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("vqathinker pol", "policy"),
        ("vqathinker policy desc", "describe"),
        ("vqathinker predict --bench", "--benchmark"),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_and_options(shell, typed, offered):
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    asked = {**words, "_TYPER_COMPLETE_ARGS": typed, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    program = "import sys; from vqathinker.cli import app; sys.argv = ['vqathinker']; app()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **asked, "_VQATHINKER_COMPLETE": f"complete_{shell}"},
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )
    assert offered in done.stdout, done.stderr
    assert done.stderr == ""
