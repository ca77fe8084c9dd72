"""Every command with every wrong input: one line that names it, and no library's own words."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.cli.finished_project import CALLS, call, finished_project
from typer.testing import CliRunner, Result

from vqathinker.cli import app

__all__ = ["finished_project"]

Spoil = Callable[[Path, Path], None]

# What libraries and the system say when they are not asked to be quiet about it.
LIBRARY_WORDS = re.compile(
    "Traceback|Errno|Arrow|parquet magic|safetensors_rust|HeaderTooLarge|InvalidHeader|pydantic|"
    "Expecting value|codec can't|utf-8|while scanning|while parsing|jsonschema|KeyError|"
    "ValueError|NoneType|not subscriptable|tokenizers|No columns to parse|Error tokenizing|"
    "Error in the program itself",
)


def empty(path: Path, _: Path) -> None:
    path.write_bytes(b"")


def text(path: Path, _: Path) -> None:
    path.write_text("# A page\n\nthat: has: nothing\n  - to do with it\n", encoding="utf-8")


def json_of_nothing(path: Path, _: Path) -> None:
    path.write_text("[]", encoding="utf-8")


def noise(path: Path, _: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(3000))


def cut(path: Path, good: Path) -> None:
    content = good.read_bytes()
    parts = 8 if good.name == "params.yaml" else 2  # half of it is enough for some commands
    path.write_bytes(content[: len(content) // parts])


def parquet_of_others(path: Path, good: Path) -> None:
    other = "perturbations" if good.name == "predictions.parquet" else "predictions"
    shutil.copy(f"{other}.parquet", path)


def shard_of_others(path: Path, _: Path) -> None:
    shutil.copy("policy/model.safetensors", path)


def folder(path: Path, _: Path) -> None:
    path.mkdir()


def missing(_: Path, __: Path) -> None:
    pass


def unreadable(path: Path, _: Path) -> None:
    path.symlink_to("/proc/self/mem")  # may be opened by anyone, and cannot be read


FILES = [missing, empty, text, json_of_nothing, noise, cut, parquet_of_others, shard_of_others,
         folder, unreadable]  # fmt: skip
# What a command may take all the same.
RIGHT = {
    ("data new", "data/mine/source/labels.csv", cut): "labels of fewer videos are labels",
    ("figures", "run/history.csv", cut): "a history of fewer steps is one",
    ("understanding ask", "degradations.csv", cut): "fewer questions are questions",
    ("policy card", "results/tables/scoring.md", cut): "a table of fewer rows is one",
}
# Of each folder, the files that the command needs.
_POLICY = ("config.json", "tokenizer.json", "provenance.json", "model.safetensors")
NEEDED = {
    ("train", "base"): _POLICY,
    ("predict", "policy"): _POLICY,
    ("perturbed", "policy"): _POLICY,
    ("score", "policy"): _POLICY,
    ("policy describe", "policy"): ("config.json", "provenance.json", "model.safetensors"),
    ("policy export", "with-slowfast"): ("config.json", "tokenizer.json", "model.safetensors"),
    ("policy import", "original"): ("config.json", "tokenizer.json", "model.safetensors"),
    ("page", "results/tables"): (
        "scoring.csv",
        "overall.csv",
        "scores.csv",
        "answers.csv",
        "main.csv",
        "ladder.csv",
        "not_there.csv",
        "notes.csv",
    ),
    ("page", "thumbnails/mine"): ("index.json", "0000.webp"),
    ("numbers", "results/tables"): (
        "main.csv",
        "preference.csv",
        "attribution.csv",
        "understanding.csv",
    ),
    ("summary", "results"): ("tables/scoring.csv",),
    ("explain", "results"): ("tables/scoring.csv",),
    ("verify", "results"): ("tables/provenance.json",),
}


# Files of a set that commands find by themselves.
OF_A_SET = {
    "data status": ("cards/mine.yaml", "data/mine/manifest.parquet"),
    "data check": ("cards/mine.yaml", "data/mine/manifest.parquet", "data/mine/source.json",
                   "data/mine/source/labels.csv"),
    "data fetch": ("cards/mine.yaml",),
    "data manifest": ("cards/mine.yaml", "data/mine/source/labels.csv"),
}  # fmt: skip


def inputs_of(command: str) -> list[str]:
    return [word[1:] for word in call(command) if word.startswith("<")]


FILE_CASES = [
    pytest.param(command, word, spoil, id=f"{command} {word} {spoil.__name__}")
    for command in CALLS
    for word in inputs_of(command)
    if "." in Path(word).name
    for spoil in FILES
    if (command, word, spoil) not in RIGHT
]
FOLDER_CASES = [
    pytest.param(command, word, id=f"{command} {word}")
    for command in CALLS
    for word in inputs_of(command)
    if "." not in Path(word).name
]
INSIDE_CASES = [
    pytest.param(command, word, name, spoil, id=f"{command} {word}/{name} {spoil.__name__}")
    for (command, word), names in NEEDED.items()
    for name in names
    for spoil in (missing, empty, text, json_of_nothing, noise)
]


OF_A_SET_CASES = [
    pytest.param(command, name, spoil, id=f"{command} {name} {spoil.__name__}")
    for command, names in OF_A_SET.items()
    for name in names
    for spoil in (empty, text, json_of_nothing, noise, unreadable)
]


def invoke(command: str, word: str, path: Path, out: Path) -> Result:
    """The call with `path` in place of `word`, writing what it writes into the folder `out`."""
    words = [
        str(path) if each == f"<{word}"
        else str(out / Path(each).name) if each.startswith(">")
        else "another" if (command, each) == ("data new", "mine")  # one can be made only once
        else each.lstrip("<")
        for each in call(command)
    ]  # fmt: skip
    return CliRunner().invoke(app, words)


def assert_one_line(result: Result, path: Path) -> None:
    assert result.exit_code in {1, 2}, result.output
    lines = [line for line in result.stderr.splitlines() if "Error" in line]
    assert len(lines) == 1, result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert path.name in lines[0]
    assert not LIBRARY_WORDS.search(result.output), result.output


@pytest.mark.parametrize(("command", "word", "spoil"), FILE_CASES)
def test_a_wrong_file_is_told_in_one_line(
    finished_project: Path, tmp_path: Path, command: str, word: str, spoil: Spoil
) -> None:
    path = tmp_path / Path(word).name
    spoil(path, finished_project / word)
    assert_one_line(invoke(command, word, path, tmp_path / "out"), path)


@pytest.mark.parametrize(("command", "word"), FOLDER_CASES)
def test_a_wrong_folder_is_told_in_one_line(
    finished_project: Path, tmp_path: Path, command: str, word: str
) -> None:
    path = tmp_path / Path(word).name
    for content in (None, b"a file\n"):
        if content is not None:
            path.write_bytes(content)
        result = invoke(command, word, path, tmp_path / "out")
        assert result.exit_code == 2
        assert_one_line(result, path)


@pytest.mark.parametrize(("command", "word", "name", "spoil"), INSIDE_CASES)
def test_a_wrong_file_in_a_folder_is_told_in_one_line(
    finished_project: Path, tmp_path: Path, command: str, word: str, name: str, spoil: Spoil
) -> None:
    path = tmp_path / Path(word).name
    leave_out = shutil.ignore_patterns(Path(name).name)
    shutil.copytree(finished_project / word, path, ignore=leave_out, copy_function=os.symlink)
    spoil(path / name, finished_project / word / name)
    assert_one_line(invoke(command, word, path, tmp_path / "out"), path)


@pytest.mark.parametrize(("command", "name", "spoil"), OF_A_SET_CASES)
def test_a_wrong_file_of_a_set_is_told_by_its_name(
    finished_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    command: str, name: str, spoil: Spoil,
) -> None:  # fmt: skip
    for folder_name in ("cards", "data"):
        shutil.copytree(finished_project / folder_name, tmp_path / folder_name)
    shutil.copy(finished_project / "params.yaml", tmp_path)
    (tmp_path / name).unlink()
    spoil(tmp_path / name, finished_project / name)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, [word.lstrip("<") for word in call(command)])
    assert result.exit_code == (0 if command == "data status" and "manifest" in name else 1)
    assert Path(name).name in result.output
    assert not LIBRARY_WORDS.search(result.output), result.output
