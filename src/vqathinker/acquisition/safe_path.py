"""Safe relative paths from the names in archives and repositories.

Any kind of space is allowed: macOS writes U+202F into the names of screen recordings.
"""

import unicodedata
from pathlib import PurePosixPath

from vqathinker.acquisition.errors import UnsafeError

# They change the direction of text (Unicode Standard Annex 9), so a name reads differently.
_DIRECTION_OVERRIDES = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Control characters, line and paragraph separators.
_CONTROL = {"Cc", "Zl", "Zp"}


def safe_path(name: str) -> PurePosixPath:
    """Convert a name to a relative path that stays below its folder on any system.

    Raises:
        UnsafeError: it is no such path; the message shows the name escaped.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    reasons = {
        "an absolute path": name.startswith("/"),
        "leads upwards": ".." in parts,
        "a drive letter of Windows": name[1:2] == ":" and name[0].isalpha(),
        "a backslash, which separates folders on Windows": "\\" in name,
        "an empty name": not parts,
    }
    found = [reason for reason, holds in reasons.items() if holds]
    if reason := next(iter(found), unsafe_character(name)):
        raise UnsafeError(f"contains {name[:200]!r}: {reason}")
    return PurePosixPath(*parts)


def unsafe_character(name: str) -> str | None:
    """Describe a character in `name` that must not be printed; None if there is none.

    >>> unsafe_character("a\\u202f\\u00a0.mp4"), unsafe_character("a\\u202egpj.mp4")
    (None, 'a character that turns the direction of writing')
    """
    categories = {unicodedata.category(char) for char in name}
    if "Cs" in categories:
        return "bytes that are no UTF-8"
    if categories & _CONTROL:
        return "a control character"
    if _DIRECTION_OVERRIDES & set(name):
        return "a character that turns the direction of writing"
    return None
