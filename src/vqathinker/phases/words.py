"""Hints and values in error messages."""

import difflib
import json
from collections.abc import Iterable
from typing import Any

_LONGEST = 60


def shorten(value: Any) -> str:
    """A value as it would stand in the file, cut if it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def nearest(word: str, words: Iterable[str]) -> str:
    """A hint for a mistyped word, to be appended to a message; empty if no word is similar.

    >>> nearest("grup_size", ["group_size", "schedule"])
    '; did you mean group_size?'
    """
    found = difflib.get_close_matches(word, list(words), n=1)
    return f"; did you mean {found[0]}?" if found else ""
