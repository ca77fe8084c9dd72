"""Names that come from elsewhere, as paths below a folder of ours and nowhere else.

Blanks of all kinds are fine: macOS writes U+202F into the names of screen recordings.
"""

import unicodedata
from pathlib import PurePosixPath

from vqathinker.acquisition.errors import UnsafeError

# What turns the direction of writing (Unicode Standard Annex 9), so that a name reads otherwise.
_DIRECTION_OVERRIDES = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Control characters, and the separators of lines and paragraphs.
_CONTROL = {"Cc", "Zl", "Zp"}


def safe_path(name: str) -> PurePosixPath:
    """Path below a folder, from a name as an archive or a repository has it.

    Raises:
        UnsafeError: it is no plain relative path; the message shows it escaped.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    reasons = {
        "an absolute path": name.startswith("/"),
        "leads upwards": ".." in parts,
        "a drive of Windows": name[1:2] == ":" and name[0].isalpha(),
        "a backslash, which is a folder on Windows": "\\" in name,
        "no name at all": not parts,
    }
    found = [reason for reason, holds in reasons.items() if holds]
    if reason := next(iter(found), unsafe_character(name)):
        raise UnsafeError(f"holds {name[:200]!r}: {reason}")
    return PurePosixPath(*parts)


def unsafe_character(name: str) -> str | None:
    """What no name may hold that is shown to somebody; None where it holds no such thing.

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
