"""Values and suggestions in error messages."""

import difflib
import json
from collections.abc import Iterable
from typing import Any

_MAX_LENGTH = 60


def shorten(value: Any) -> str:
    """A value as JSON, cut after 60 characters.

    >>> shorten({"title": "Mine"})
    '{"title": "Mine"}'
    """
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 1]}…"


def nearest(word: str, words: Iterable[str]) -> str:
    """A suggestion to append to a message about an unknown word; empty if no word is similar.

    >>> nearest("grup_size", ["group_size", "schedule"])
    '; did you mean group_size?'
    """
    found = difflib.get_close_matches(word, list(words), n=1)
    return f"; did you mean {found[0]}?" if found else ""
