"""What of names never counts, and what a card may say does not."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.datasets.name_rules import WORDS, file_keys, label_key, parse_words, plain_path

NAMES = st.text("aB1._- é/", min_size=1, max_size=10).filter(
    lambda name: name[-1] not in "./" and name[0] != "/"
)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("./a.mp4", "a.mp4"),
        ("././b1//a.mp4", "b1/a.mp4"),
        ("sub\\a.mp4", "sub/a.mp4"),
        (".\\sub\\a.mp4", "sub/a.mp4"),
        ("e\u0301.mp4", "é.mp4"),
        ("/data/./a.mp4", "/data/a.mp4"),
        ("C:\\set\\a.mp4", "C:/set/a.mp4"),
        ("https://example.org//a.mp4", "https://example.org/a.mp4"),
        ("..a.mp4", "..a.mp4"),
        ("", ""),
    ],
)
def test_a_path_has_one_plain_form(name: str, plain: str) -> None:
    assert plain_path(name) == plain
    assert plain_path(plain) == plain


@given(NAMES, st.sets(st.sampled_from(sorted(WORDS))))
def test_a_file_is_always_what_a_label_of_its_own_name_means(name: str, words: set[str]) -> None:
    assert label_key(name, words) in set(file_keys(name, words))
    decomposed = unicodedata.normalize("NFD", name)
    assert label_key(decomposed, words) in set(file_keys(f"a/b/{name}", words))


@pytest.mark.parametrize(
    ("words", "label", "file", "meant"),
    [
        ("", "a.mp4", "x/a.mp4", True),
        ("", "a", "a.mp4", False),
        ("any-ending", "a", "a.mp4", True),
        ("any-ending", "a.avi", "x/a.MP4", True),
        ("any-ending", "run_23.98fps", "run_23.98fps.webm", True),
        ("any-ending", "a.b", "a.c", False),  # these are no endings of videos
        ("any-case", "A.MP4", "a.mp4", True),
        ("any-case", "straße.mp4", "STRASSE.mp4", True),
        ("any-case", "B1/a.mp4", "x/b1/A.mp4", True),
        ("any-folder", "b1/a.mp4", "c/a.mp4", True),
        ("any-folder", "b1/a.mp4", "c/b.mp4", False),
        ("any-blank", "my clip.mp4", "my_clip.mp4", True),
        ("any-blank", "my%20clip.mp4", "my - clip.mp4", True),
        ("any-blank", "Screen 3.14.15 PM.mov", "Screen 3.14.15\u202fPM.mov", True),
        ("any-zeros", "12345.mp4", "0012345.mp4", True),
        ("any-zeros", "b7/c_2.mp4", "b07/c_002.mp4", True),
        ("any-zeros", "10.mp4", "1.mp4", False),
        ("begins", "3", "3_540p.mp4", True),
        ("begins", "3", "31_540p.mp4", False),
        ("begins", "3.mp4", "b/3-cut.mp4", True),
        ("begins", "clip", "clips.mp4", False),
        ("begins", "b1/3", "b1/3_540p.mp4", True),
        ("begins", "b1/3", "b2/3_540p.mp4", False),
        ("any-case any-ending", "A", "a.mp4", True),
        ("any-zeros begins", "7", "007_cut.mp4", True),
    ],
)
def test_words_say_what_does_not_count(words: str, label: str, file: str, meant: bool) -> None:
    parsed = parse_words(words)
    assert parsed is not None
    assert (label_key(label, parsed) in set(file_keys(file, parsed))) is meant


def test_what_is_no_word_is_a_pattern() -> None:
    assert parse_words("any-case, any-ending") is None
    assert parse_words(r"(\d+)\.mp4") is None
