"""Check names from archives and label files and turn them into safe relative paths."""

import re
import unicodedata
from pathlib import PurePosixPath

from vqathinker.acquisition.errors import UnsafeError

# These change the direction of text (Unicode Standard Annex 9), so that a name reads differently.
_DIRECTION_OVERRIDES = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Control characters, bytes that are not UTF-8, line and paragraph separators.
_NOT_PRINTABLE = {"Cc", "Cs", "Zl", "Zp"}


def is_printable_name(name: str) -> bool:
    """Whether a name contains neither control characters nor direction overrides."""
    # All kinds of spaces are allowed: macOS puts U+202F into the names of screen recordings.
    categories = {unicodedata.category(char) for char in name}
    return not (categories & _NOT_PRINTABLE or _DIRECTION_OVERRIDES & set(name))


def safe_path(name: str) -> PurePosixPath:
    """Convert a name to a relative path that stays below its folder on any system.

    Raises:
        UnsafeError: there is no such path; the message shows the name escaped.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    leads_out = ".." in parts or "\\" in name or re.match("/|[A-Za-z]:", name)
    if leads_out or not parts or not is_printable_name(name):
        raise UnsafeError(f"contains {name[:200]!r}, not a safe path below a folder")
    return PurePosixPath(*parts)
