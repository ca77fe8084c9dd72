"""What a typed word means, and what a mistyped one may have meant."""

import difflib
import re
from collections.abc import Iterable
from typing import Any

import yaml

__all__ = ["nearest", "read_word"]

_POWER = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")  # of ten; YAML knows it with a point only


def nearest(word: str, words: Iterable[str]) -> str:
    """A hint for a mistyped word, to be put behind a message; empty where nothing is near.

    >>> nearest("grup_size", ["group_size", "schedule"])
    '; did you mean group_size?'
    """
    found = difflib.get_close_matches(word, list(words), n=1)
    return f"; did you mean {found[0]}?" if found else ""


def read_word(text: str) -> Any:
    """What a word means in params.yaml; 1e-3 is a number, too.

    >>> [read_word(word) for word in ("0.1", "1e-3", "true", "null", "zero2", "[1, 2]")]
    [0.1, 0.001, True, None, 'zero2', [1, 2]]

    Raises:
        yaml.YAMLError: it is not YAML.
    """
    return float(text) if _POWER.fullmatch(text) else yaml.safe_load(text)
