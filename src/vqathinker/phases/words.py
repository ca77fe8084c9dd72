"""What a mistyped word may have meant."""

import difflib
from collections.abc import Iterable

__all__ = ["nearest"]


def nearest(word: str, words: Iterable[str]) -> str:
    """A hint for a mistyped word, to be put behind a message; empty where nothing is near.

    >>> nearest("grup_size", ["group_size", "schedule"])
    '; did you mean group_size?'
    """
    found = difflib.get_close_matches(word, list(words), n=1)
    return f"; did you mean {found[0]}?" if found else ""
