"""Text of params.yaml in the shell commands of rules: one argument, or refused by its key."""

import copy
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from vqathinker.errors import InputError
from vqathinker.params.reading import ParameterError, require_valid
from vqathinker.phases.parameters import resolve
from vqathinker.phases.trees import at
from vqathinker.phases.yaml12 import dump_yaml

NASTY = "a b; touch 'x' $(touch y)"
NAMED = ("runs", "counts", "sets", "tasks")  # mappings whose keys are names


def texts(tree: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """Paths of every text."""
    if isinstance(tree, str):
        yield path
    items = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree if isinstance(tree, list) else ())
    )
    for key, value in items:
        yield from texts(value, *path, key)


@pytest.fixture
def whole(config) -> dict[str, Any]:
    """params.yaml with a text at every key that may have one."""
    demo = config["scales"]["demo"]
    config["download"]["mirror"] = "folder"
    demo["judge"] = {"url": "http://a", "model": "m", "key_env": "KEY", "rounds": 1,
                     "temperature": 1.0, "max_tokens": 9, "timeout_s": 1, "attempts": 1,
                     "first_wait_s": 1, "longest_wait_s": 1}  # fmt: skip
    demo["runs"]["mine"] = {
        "train": False, "group": "main",
        "base": {"name": "mine", "kind": "policy", "repo": "a/b", "revision": "main"},
    }  # fmt: skip
    return config


def faults(config: dict[str, Any]) -> list[str]:
    try:
        require_valid(resolve(config), config)
    except (InputError, ParameterError) as error:
        return str(error).splitlines()
    return []


def accepted(config: dict[str, Any]) -> dict[tuple[Any, ...], str]:
    """Paths of all texts that may be anything; the others are refused by key."""
    free = {}
    own = {"scales": {"demo": config["scales"]["demo"]}} | {
        key: value for key, value in config.items() if key != "scales"
    }
    for path in texts(own):
        changed = copy.deepcopy(config)
        at(changed, path[:-1])[path[-1]] = NASTY
        told = faults(changed)
        if told:
            *_, key = [part for part in path if isinstance(part, str)]
            assert any(key in line or NASTY in line for line in told), (path, told)
        else:
            free[path] = NASTY
    return free


def test_keys_that_are_names_are_refused_where_they_have_another_form(whole):
    assert not faults(whole)
    demo = whole["scales"]["demo"]
    for path in (
        ("runs",),
        ("data", "counts"),
        ("data", "demo", "sets"),
        ("understanding", "tasks"),
    ):
        rows = at(demo, path)
        changed = copy.deepcopy(whole)
        at(changed["scales"]["demo"], path)[NASTY] = next(iter(rows.values()))
        told = faults(changed)
        assert any(f"{path[-1]}.{NASTY} " in line for line in told), (path, told)


def test_texts_of_any_form_are_one_argument_of_their_command(quick, whole):
    free = accepted(whole)
    keys = {path[-1] for path in free}
    assert {"file", "title", "cards", "mirror", "repo", "revision", "model", "key_env"} <= keys
    for path in free:
        at(whole, path[:-1])[path[-1]] = NASTY
    (quick.folder / "params.yaml").write_text(dump_yaml(whole), encoding="utf-8")
    plan = quick.snakemake("--dry-run", "--printshellcmds", "--", "all")
    commands = [
        line.removeprefix("Shell command: ").strip()
        for line in plan.splitlines()
        if "vqathinker " in line
    ]
    assert len(commands) > 20
    arguments = set()
    for command in commands:
        words = shlex.shlex(command, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        found = list(words)
        assert not {";", "(", ")", "touch"} & {*found}, command
        arguments |= {*found}
    assert any(argument.endswith(f"/{NASTY}") for argument in arguments)


def test_every_value_of_a_rule_that_is_no_number_is_quoted(root):
    for file in (root / "workflow" / "rules").glob("*.smk"):
        text = file.read_text("utf-8")
        for command in re.findall(r"    shell:\n((?:        .*\n?)+)", text):
            unquoted = re.findall(r"\{(?!threads|resources\.gpu)[^}]*(?<!:q)\}", command)
            assert not unquoted, (file.name, command)
