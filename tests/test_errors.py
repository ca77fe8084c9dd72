"""Errors of the operating system and of libraries name the file and what to do."""

import errno
import os
from pathlib import Path

import pytest

from vqathinker.errors import InputError, explain, read_json, reading


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EISDIR])
def test_system_error_names_the_path_and_what_to_do(number: int) -> None:
    text = explain(OSError(number, os.strerror(number), "data/x.csv"))
    assert text.startswith("data/x.csv: ")
    assert os.strerror(number) not in text


def test_library_error_names_the_file_and_keeps_its_cause() -> None:
    error = KeyError("x")
    with pytest.raises(InputError, match=r"a\.bin") as caught, reading(Path("a.bin"), "a", "b"):
        raise error
    assert caught.value.__cause__ is error


def test_json_must_be_an_object(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": 1}', encoding="utf-8")
    assert read_json(path, "a map", "draw it") == {"a": 1}
    for content in ("[]", "3", "{", ""):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=r"a\.json"):
            read_json(path, "a map", "draw it")
