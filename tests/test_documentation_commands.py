"""Every line of every `sh` block in README and docs is one that its program would take."""

import itertools
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from vqathinker.cli import app
from vqathinker.cli.options import repeat_option_names

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"(?m)^```(\w*)[^\n]*\n(.*?)^```$", re.DOTALL)
PROGRAMS = "make|snakemake|dvc|vqathinker|python|git|pip|export|source|mkdir|cp|ln"
# What stands for something of the reader's, or belongs to the shell: nothing of ours to check.
SHELL = {"mkdir", "cp", "ln", "source", "export", "find", "echo", "git", "pip"}


def commands(path: Path) -> Iterator[list[str]]:
    """Lines of each `sh` block, without comments."""
    for language, block in BLOCK.findall(path.read_text(encoding="utf-8")):
        if language == "sh":
            lines = (re.sub(r"\s+# .*|^#.*", "", line).strip() for line in block.splitlines())
            yield [line for line in lines if line]


def lines_of(path: Path) -> Iterator[str]:
    """Commands of the `sh` blocks, one for each part of a line."""
    for line in itertools.chain.from_iterable(commands(path)):
        yield from filter(None, map(str.strip, re.split(r";|&&|\|", line)))


LINES = sorted({(path.name, line) for path in PAGES for line in lines_of(path)})


def test_no_command_stands_in_a_block_of_another_language() -> None:
    for path in PAGES:
        for language, block in BLOCK.findall(path.read_text(encoding="utf-8")):
            if language != "sh":
                assert not re.search(rf"(?m)^(?:{PROGRAMS}) \S", block), (path.name, block)


@pytest.mark.parametrize(("page", "line"), LINES)
def test_a_documented_command_would_be_taken(page: str, line: str) -> None:
    words = [word for word in shlex.split(line) if word != "…"]
    while re.match(r"^[A-Z_]+=", words[0]):
        words.pop(0)
    program, *rest = words
    if program not in SHELL:
        CHECKS[program](rest)


def vqathinker(words: list[str]) -> None:
    """Known commands, options and choices, and all that must be given; files are not looked at."""
    command: Any = get_command(app)
    words = [word for word in words if word != "--help"] if words != ["--help"] else []
    if words and words[0] in {name for param in command.params for name in param.opts}:
        return  # of the program itself, as --install-completion
    while words and hasattr(command, "commands"):
        assert words[0] in command.commands, words[0]
        command = command.commands[words.pop(0)]
    if hasattr(command, "commands"):
        return
    options = {name: param for param in command.params for name in param.opts}
    several = {name for name, param in options.items() if getattr(param, "multiple", False)}
    words = repeat_option_names(words, several)
    given, plain = set(), 0
    while words:
        word = words.pop(0)
        if word.startswith("--"):
            assert word in options, f"{command.name} has no option {word}"
            given.add(options[word].name)
            if not getattr(options[word], "is_flag", False):
                taken = [words.pop(0) for _ in range(options[word].nargs)]
                assert not any(value.startswith("--") for value in taken), taken
        else:
            plain += 1
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    assert plain >= sum(param.required for param in arguments)
    assert plain <= len(arguments) or any(param.nargs == -1 for param in arguments)
    needed = {p.name for p in command.params if p.required and p not in arguments}
    assert needed <= given, f"{command.name} needs {needed - given}"


def snakemake(words: list[str]) -> None:
    """Options that Snakemake has, targets that are rules or files, and profiles that are there."""
    from snakemake.cli import get_argument_parser

    asked = get_argument_parser().parse_args(words)
    text = "".join(path.read_text("utf-8") for path in (ROOT / "workflow").rglob("*file"))
    text += "".join(path.read_text("utf-8") for path in (ROOT / "workflow").rglob("*.smk"))
    rules = set(re.findall(r"(?m)^\s*rule (\w+):", text))
    assert all("/" in target or target in rules for target in asked.targets), asked.targets
    if asked.workflow_profile:
        assert (ROOT / asked.workflow_profile).is_dir()


def dvc(words: list[str]) -> None:
    """What DVC's own parser takes, and stages that there are."""
    from dvc.cli import parse_args

    asked = parse_args(words)
    if words[0] == "repro":
        stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
        assert set(asked.targets or ()) <= set(stages)


def make(words: list[str]) -> None:
    """A target of the Makefile."""
    command = ["make", "--dry-run", "--old-file", ".venv/.ready", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def python(words: list[str]) -> None:
    """A script of the project that knows these options."""
    script = (ROOT / words[0]).read_text(encoding="utf-8")
    assert all(word in script for word in words[1:] if word.startswith("--"))


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "vqathinker": vqathinker,
    "snakemake": snakemake,
    "dvc": dvc,
    "make": make,
    "python": python,
}
