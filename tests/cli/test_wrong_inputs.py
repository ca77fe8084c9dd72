"""Wrong input of every command gives one line that names the file, and no library jargon."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.cli.finished_project import CALLS, call
from typer.testing import CliRunner, Result

from vqathinker.cli import app

Spoil = Callable[[Path, Path], None]

LIBRARY_WORDS = re.compile(
    "Traceback|Errno|Arrow|parquet magic|safetensors_rust|HeaderTooLarge|InvalidHeader|pydantic|"
    "Expecting value|codec can't|utf-8|while scanning|while parsing|jsonschema|KeyError|"
    "ValueError|NoneType|not subscriptable|tokenizers|No columns to parse|Error tokenizing|"
    "Error in vqathinker itself",
)


def text(path: Path, _: Path) -> None:
    path.write_text("# A page\n\nthat: has: nothing\n  - to do with it\n", encoding="utf-8")


def json_list(path: Path, _: Path) -> None:
    path.write_text("[]", encoding="utf-8")


def noise(path: Path, _: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(3000))


def cut(path: Path, good: Path) -> None:
    content = good.read_bytes()
    parts = 8 if good.name == "params.yaml" else 2  # half of it is enough for some commands
    path.write_bytes(content[: len(content) // parts])


def other_format(path: Path, good: Path) -> None:
    other = "perturbations" if good.name == "predictions.parquet" else "predictions"
    shard = "policy/model.safetensors"
    shutil.copy(shard if path.suffix == ".safetensors" else f"{other}.parquet", path)


def missing(_: Path, __: Path) -> None:
    pass


# Input that is still valid after the change.
STILL_VALID = {
    ("data new", "data/mine/source/labels.csv", cut): "fewer labels are valid",
    ("figures", "run/history.csv", cut): "a shorter history is valid",
    ("understanding ask", "degradations.csv", cut): "fewer questions are valid",
    ("policy card", "results/tables/scoring.md", cut): "a shorter table is valid",
}
# Files that each command needs in a folder.
NEEDED = {
    ("train", "base"): "config.json tokenizer.json provenance.json model.safetensors",
    ("score", "policy"): "config.json tokenizer.json provenance.json model.safetensors",
    ("policy describe", "policy"): "config.json provenance.json model.safetensors",
    ("policy convert", "with-slowfast"): "config.json tokenizer.json model.safetensors",
    ("policy import", "original"): "config.json tokenizer.json model.safetensors",
    ("report", "results/tables"): "scoring.csv overall.csv scores.csv answers.csv main.csv "
    "ladder.csv missing_sets.csv notes.csv",
    ("report", "thumbnails/mine"): "index.json 0000.webp",
    ("metrics-json", "results/tables"): "main.csv preference.csv attribution.csv understanding.csv",
    ("summary", "results"): "tables/scoring.csv",
    ("explain", "results"): "tables/scoring.csv",
    ("verify", "results"): "tables/provenance.json",
}
# Files of a data set that commands find by themselves.
DATA_SET_FILES = {
    "data status": "cards/mine.yaml data/mine/manifest.parquet",
    "data check": "cards/mine.yaml data/mine/manifest.parquet data/mine/source.json "
    "data/mine/source/labels.csv",
    "data manifest": "cards/mine.yaml data/mine/source/labels.csv",
}

BINARY = {".parquet", ".safetensors", ".mp4"}
INPUTS = [(command, word[1:]) for command in CALLS for word in call(command) if word[0] == "<"]
FILES = [
    (command, word, spoil)
    for command, word in INPUTS
    if "." in Path(word).name
    for spoil in (text if Path(word).suffix in BINARY else noise, cut, other_format)
    if (command, word, spoil) not in STILL_VALID
]
FOLDERS = [(command, word) for command, word in INPUTS if "." not in Path(word).name]
INSIDE = [(*key, name) for key, names in NEEDED.items() for name in names.split()]
IN_DATA_SETS = [
    (command, name) for command, names in DATA_SET_FILES.items() for name in names.split()
]


def label(value: object) -> str:
    return getattr(value, "__name__", str(value))


def invoke(command: str, word: str, path: Path, out: Path) -> Result:
    """Run a command with `path` instead of `word`, and with outputs in the folder `out`."""
    words = [
        str(path) if each == f"<{word}"
        else str(out / Path(each).name) if each.startswith(">")
        else "another" if (command, each) == ("data new", "mine")  # a card cannot be overwritten
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


@pytest.mark.parametrize(("command", "word", "spoil"), FILES, ids=label)
def test_the_message_names_a_wrong_file(
    finished_project: Path, tmp_path: Path, command: str, word: str, spoil: Spoil
) -> None:
    path = tmp_path / Path(word).name
    spoil(path, finished_project / word)
    assert_one_line(invoke(command, word, path, tmp_path / "out"), path)


@pytest.mark.parametrize(("command", "word"), FOLDERS)
def test_the_message_names_a_wrong_folder(
    finished_project: Path, tmp_path: Path, command: str, word: str
) -> None:
    path = tmp_path / Path(word).name
    path.write_bytes(b"a file\n")
    assert_one_line(invoke(command, word, path, tmp_path / "out"), path)


@pytest.mark.parametrize(("command", "word", "name"), INSIDE)
@pytest.mark.parametrize("spoil", [missing, json_list], ids=label)
def test_the_message_names_a_wrong_file_in_a_folder(
    finished_project: Path, tmp_path: Path, command: str, word: str, name: str, spoil: Spoil
) -> None:
    path = tmp_path / Path(word).name
    leave_out = shutil.ignore_patterns(Path(name).name)
    shutil.copytree(finished_project / word, path, ignore=leave_out, copy_function=os.symlink)
    spoil(path / name, finished_project / word / name)
    assert_one_line(invoke(command, word, path, tmp_path / "out"), path)


@pytest.mark.parametrize(("command", "name"), IN_DATA_SETS)
@pytest.mark.parametrize("spoil", [text, noise], ids=label)
def test_the_message_names_a_wrong_file_of_a_data_set(
    finished_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    command: str, name: str, spoil: Spoil,
) -> None:  # fmt: skip
    for folder in ("cards", "data"):
        shutil.copytree(finished_project / folder, tmp_path / folder)
    shutil.copy(finished_project / "params.yaml", tmp_path)
    spoil(tmp_path / name, finished_project / name)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, [word.lstrip("<") for word in call(command)])
    assert result.exit_code == (0 if command == "data status" and "manifest" in name else 1)
    assert Path(name).name in result.output
    assert not LIBRARY_WORDS.search(result.output), result.output
