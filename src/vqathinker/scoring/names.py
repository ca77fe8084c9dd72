"""Names of clips as text that every file and terminal can hold.

On Linux a name is bytes, and need not be UTF-8; Python has such bytes as lone surrogates, which
nothing can be written with. Both functions write a byte as `\\xe9`.
"""

import re

__all__ = ["shown_name", "written_name"]

_ESCAPE = re.compile(r"\\x[0-9a-f]{2}")
_SURROGATE = re.compile("[\udc80-\udcff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def written_name(name: str) -> str:
    r"""A name for JSON and CSV. Other bytes than UTF-8 are escaped, all else stays as it is.

    No two names are written alike: where a name has an escape, or what looks like one, its
    backslashes are doubled.

    >>> written_name("caf\udce9.mp4")
    'caf\\xe9.mp4'
    >>> written_name(r"caf\xe9.mp4")
    'caf\\\\xe9.mp4'
    """
    if _SURROGATE.search(name) or _ESCAPE.search(name):
        name = name.replace("\\", "\\\\")
    return _SURROGATE.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", name)


def shown_name(name: str) -> str:
    r"""A name for terminals and figures: control characters are escaped, too.

    >>> shown_name("a\x1b[2J\n.mp4")
    'a\\x1b[2J\\x0a.mp4'
    """

    def escaped(found: re.Match[str]) -> str:
        number = ord(found[0])
        return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"

    return _CONTROL.sub(escaped, written_name(name))
