"""Errors about input files and values, with the expected value and a remedy.

Errors of libraries and of the operating system are turned into such messages here.
"""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_NO_PERMISSION = "permission denied; change the permissions, or choose another place"
_FULL = "free some space, then run the same command again"
_EXPLAINED = {
    errno.ENOENT: "no such file or folder",
    errno.EACCES: _NO_PERMISSION,
    errno.EPERM: _NO_PERMISSION,
    errno.EISDIR: "is a folder; expected a file",
    errno.ENOSPC: f"the disk is full: {_FULL}",
    errno.EDQUOT: f"your disk quota is used up: {_FULL}",
}


class InputError(ValueError):
    """An input file or value is wrong; the message names the expected value and a remedy."""


def explain(error: OSError) -> str:
    """One sentence about an operating system error, starting with the path if it is known.

    >>> explain(OSError(errno.ENOSPC, "No space left on device", "clips/0.safetensors"))
    'clips/0.safetensors: the disk is full: free some space, then run the same command again'
    """
    problem = _EXPLAINED.get(error.errno or 0) or error.strerror or str(error)
    path = error.filename2 or error.filename
    return f"{path}: {problem}" if path else problem


@contextmanager
def reading(path: Path, expected: str, remedy: str) -> Iterator[None]:
    """Turn any error in this block into an InputError about the file that is read.

    Use it around the few lines in which a library reads the file, because each library raises
    different errors.

    Args:
        path: the file.
        expected: kind of the expected file, such as "a manifest".
        remedy: advice for the user.

    Raises:
        InputError: the library raised any error.
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
            f"{path}: the byte at offset {error.start} is not UTF-8; expected {expected}: {remedy}"
        ) from error
    except Exception as error:
        raise InputError(f"{path}: is not {expected}, or is damaged: {remedy}") from error


def read_json(path: Path, expected: str, remedy: str) -> dict[str, Any]:
    """The JSON object in a file. Raises InputError as `reading` does, also for other JSON."""
    with reading(path, expected, remedy):
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise TypeError(path)
    return content
