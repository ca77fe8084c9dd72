"""Numbers as people and programs write them into tables, and nothing else."""

import re

__all__ = ["has_thousands_marks", "parse_number"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_GROUPED = re.compile(
    r"[+-]?\d{1,3}(?:([.,' \u00a0\u202f\u2019])\d{3})+(?:(?!\1)[.,]\d+)?", re.ASCII
)
_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def parse_number(text: str, *, decimal_comma: bool = False) -> float | None:
    """The number that a text is, or None.

    An exponent is fine, for programs write small numbers so. What Python's own float takes besides
    is no number in a table: 3_5, nan, inf, digits of other scripts.

    Args:
        text: without blanks around it.
        decimal_comma: whether a comma may stand for the point. There is no mark of thousands.

    >>> [parse_number(text) for text in ("3.1", "1e-3", ".5", "3_5", "nan", "3,1", "")]
    [3.1, 0.001, 0.5, None, None, None, None]
    >>> [parse_number(text, decimal_comma=True) for text in ("3,1", "3.1", "1.000,5")]
    [3.1, 3.1, None]
    """
    if decimal_comma and _COMMA.fullmatch(text):
        text = text.replace(",", ".")
    return float(text) if _NUMBER.fullmatch(text) else None


def has_thousands_marks(text: str) -> bool:
    """Whether a text is a number that nobody can read for sure, for it may have marks of thousands.

    >>> [has_thousands_marks(text) for text in ("1.234,5", "1 234", "1.234", "3,1", "a 234")]
    [True, True, True, False, False]
    """
    return _GROUPED.fullmatch(text) is not None
