"""Commands in README and docs have valid subcommands, options and targets."""

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
# Programs whose arguments are not checked.
OTHER_PROGRAMS = {"mkdir", "cp", "ln", "source", "export", "find", "echo", "git", "pip"}


def blocks_of(path: Path) -> Iterator[list[str]]:
    """Lines of each `sh` block without comments."""
    for language, block in BLOCK.findall(path.read_text(encoding="utf-8")):
        if language == "sh":
            lines = (re.sub(r"\s+# .*|^#.*", "", line).strip() for line in block.splitlines())
            yield [line for line in lines if line]


def commands_of(path: Path) -> Iterator[str]:
    """Single commands of all `sh` blocks."""
    for line in itertools.chain.from_iterable(blocks_of(path)):
        yield from filter(None, map(str.strip, re.split(r";|&&|\|", line)))


LINES = sorted({(path.name, line) for path in PAGES for line in commands_of(path)})


def test_blocks_with_commands_are_marked_as_sh() -> None:
    for path in PAGES:
        for language, block in BLOCK.findall(path.read_text(encoding="utf-8")):
            if language != "sh":
                assert not re.search(rf"(?m)^(?:{PROGRAMS}) \S", block), (path.name, block)


@pytest.mark.parametrize(("page", "line"), LINES)
def test_a_documented_command_is_valid(page: str, line: str) -> None:
    words = [word for word in shlex.split(line) if word != "…"]
    while re.match(r"^[A-Z_]+=", words[0]):
        words.pop(0)
    program, *rest = words
    if program not in OTHER_PROGRAMS:
        CHECKS[program](rest)


def vqathinker(words: list[str]) -> None:
    """Check command and options, and that all required ones are given."""
    command: Any = get_command(app)
    words = [word for word in words if word != "--help"] if words != ["--help"] else []
    if words and words[0] in {name for param in command.params for name in param.opts}:
        return  # an option of the program, such as --install-completion
    while words and hasattr(command, "commands"):
        assert words[0] in command.commands, words[0]
        command = command.commands[words.pop(0)]
    if hasattr(command, "commands"):
        return
    options = {name: param for param in command.params for name in param.opts}
    repeatable = {name for name, param in options.items() if getattr(param, "multiple", False)}
    words = repeat_option_names(words, repeatable)
    given, n_arguments = set(), 0
    while words:
        word = words.pop(0)
        if word.startswith("--"):
            assert word in options, f"{command.name} has no option {word}"
            given.add(options[word].name)
            if not getattr(options[word], "is_flag", False):
                values = [words.pop(0) for _ in range(options[word].nargs)]
                assert not any(value.startswith("--") for value in values), values
        else:
            n_arguments += 1
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    assert n_arguments >= sum(param.required for param in arguments)
    assert n_arguments <= len(arguments) or any(param.nargs == -1 for param in arguments)
    needed = {p.name for p in command.params if p.required and p not in arguments}
    assert needed <= given, f"{command.name} needs {needed - given}"


def snakemake(words: list[str]) -> None:
    """Check options, and that targets are rules or files and the profile exists."""
    from snakemake.cli import get_argument_parser

    parsed = get_argument_parser().parse_args(words)
    text = "".join(path.read_text("utf-8") for path in (ROOT / "workflow").rglob("*file"))
    text += "".join(path.read_text("utf-8") for path in (ROOT / "workflow").rglob("*.smk"))
    rules = set(re.findall(r"(?m)^\s*rule (\w+):", text))
    assert all("/" in target or target in rules for target in parsed.targets), parsed.targets
    if parsed.workflow_profile:
        assert (ROOT / parsed.workflow_profile).is_dir()


def dvc(words: list[str]) -> None:
    """Check options, and that stages exist."""
    from dvc.cli import parse_args

    parsed = parse_args(words)
    if words[0] == "repro":
        stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
        assert set(parsed.targets or ()) <= set(stages)


def make(words: list[str]) -> None:
    """Check that targets exist."""
    command = ["make", "--dry-run", "--old-file", ".venv/.ready", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def python(words: list[str]) -> None:
    """Check that the script exists and has these options."""
    script = (ROOT / words[0]).read_text(encoding="utf-8")
    assert all(word in script for word in words[1:] if word.startswith("--"))


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "vqathinker": vqathinker,
    "snakemake": snakemake,
    "dvc": dvc,
    "make": make,
    "python": python,
}
