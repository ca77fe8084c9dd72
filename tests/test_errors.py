"""Errors of the system and of libraries, in our words."""

import errno
import os
from pathlib import Path

import pytest

from vqathinker.errors import InputError, explain, read_json, reading


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full: make room"),
        (errno.EACCES, "change its permissions"),
        (errno.EISDIR, "is a folder; expected a file"),
        (errno.EFBIG, "`ulimit -f`"),
    ],
)
def test_an_error_of_the_system_names_the_path_and_what_to_do(number: int, said: str) -> None:
    text = explain(OSError(number, os.strerror(number), "data/x.csv"))
    assert text.startswith("data/x.csv: ")
    assert said in text
    assert os.strerror(number) not in text


def test_a_rare_error_of_the_system_keeps_its_own_words() -> None:
    assert explain(OSError(errno.EXDEV, "Invalid cross-device link", "a")) == (
        "a: Invalid cross-device link"
    )
    assert explain(OSError("the reader is gone")) == "the reader is gone"


def test_of_two_paths_the_one_that_was_written_is_named() -> None:
    error = OSError(errno.EACCES, "", "from", None, "to")
    assert explain(error).startswith("to: ")


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), TypeError("x")])
def test_whatever_a_library_says_the_file_is_named_and_the_cause_is_kept(error: Exception) -> None:
    with pytest.raises(InputError) as caught, reading(Path("a.bin"), "a map", "draw it"):
        raise error
    assert str(caught.value) == "a.bin: is not a map, or is damaged: draw it"
    assert caught.value.__cause__ is error


def test_our_own_words_and_a_lack_of_memory_are_left_alone() -> None:
    for error in (InputError("b.bin: of another set"), MemoryError()):
        with pytest.raises(type(error)) as caught, reading(Path("a.bin"), "a map", "draw it"):
            raise error
        assert caught.value is error


def test_json_has_to_hold_an_object(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": 1}', encoding="utf-8")
    assert read_json(path, "a map", "draw it") == {"a": 1}
    for content in ("[]", "3", "{", ""):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=r"a\.json: is not a map, or is damaged: draw it"):
            read_json(path, "a map", "draw it")
