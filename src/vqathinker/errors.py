"""Errors about what was given: which file or value, what was expected, what to do.

Messages of libraries and of the system are replaced by such a sentence here.
"""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_NO_PERMISSION = "may not be used by this user: change its permissions, or choose another place"
_FULL = "make room, then run the same command again"
_EXPLAINED = {
    errno.ENOENT: "no such file or folder",
    errno.EACCES: _NO_PERMISSION,
    errno.EPERM: _NO_PERMISSION,
    errno.EISDIR: "is a folder; expected a file",
    errno.ENOSPC: f"the disk is full: {_FULL}",
    errno.EDQUOT: f"your share of the disk is used up: {_FULL}",
}


class InputError(ValueError):
    """A given file or value cannot be used; says which, what was expected, what to do."""


def explain(error: OSError) -> str:
    """One sentence about an error of the system; it begins with the path if one is known.

    >>> explain(OSError(errno.ENOSPC, "No space left on device", "clips/0.safetensors"))
    'clips/0.safetensors: the disk is full: make room, then run the same command again'
    """
    what = _EXPLAINED.get(error.errno or 0) or error.strerror or str(error)
    where = error.filename2 or error.filename
    return f"{where}: {what}" if where else what


@contextmanager
def reading(path: Path, expected: str, remedy: str) -> Iterator[None]:
    """Turn any error in this block into one that says that `path` is not `expected`.

    For the few lines in which a library reads a file: each library raises errors of its own.
    `remedy` says what to do.

    Raises:
        InputError: with file, expectation and remedy, whatever the library raised.
    """
    try:
        yield
    except (InputError, MemoryError, ModuleNotFoundError):
        raise
    except OSError as error:
        # pyarrow raises FileNotFoundError without a number.
        number = errno.ENOENT if isinstance(error, FileNotFoundError) else error.errno or 0
        known = _EXPLAINED.get(number, "cannot be read")
        raise InputError(f"{path}: {known}; expected {expected}: {remedy}") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: the byte at offset {error.start} is no UTF-8; expected {expected}: {remedy}"
        ) from error
    except Exception as error:
        raise InputError(f"{path}: is not {expected}, or is damaged: {remedy}") from error


def read_json(path: Path, expected: str, remedy: str) -> dict[str, Any]:
    """The JSON object in a file; InputError as of `reading` if it holds anything else."""
    with reading(path, expected, remedy):
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise TypeError(path)
    return content
